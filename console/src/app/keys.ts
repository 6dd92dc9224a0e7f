/** Opens the palette from wherever: the bar's button, or Ctrl K. */
export function openPalette() {
  dispatchEvent(new Event('dataux:palette'));
}

/** Whether keys are being typed into something, so that single letters are not ours. */
export function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}
