import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { EditorView } from '@codemirror/view';
import { tags } from '@lezer/highlight';

/** Colours come from the theme's variables, so that a change of theme rebuilds nothing. */
const words = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.modifier], color: 'var(--dx-keyword)' },
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: 'var(--dx-accent)' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--dx-string)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--dx-number)' },
  { tag: [tags.typeName, tags.standard(tags.name)], color: 'var(--dx-accent)' },
  { tag: [tags.comment, tags.lineComment], color: 'var(--dx-comment)', fontStyle: 'italic' },
]);

const frame = EditorView.theme({
  '&': { color: 'var(--mantine-color-text)', backgroundColor: 'transparent' },
  '.cm-content': {
    fontFamily: 'var(--mantine-font-family-monospace)',
    caretColor: 'var(--mantine-color-text)',
    padding: '8px 0',
  },
  '.cm-cursor': { borderLeftColor: 'var(--mantine-color-text)' },
  '.cm-gutters': {
    backgroundColor: 'var(--dx-soft)',
    color: 'var(--mantine-color-dimmed)',
    border: 'none',
    fontFamily: 'var(--mantine-font-family-monospace)',
  },
  '.cm-activeLine': { backgroundColor: 'color-mix(in srgb, var(--dx-accent) 7%, transparent)' },
  '.cm-activeLineGutter': {
    backgroundColor: 'color-mix(in srgb, var(--dx-accent) 14%, transparent)',
    color: 'var(--mantine-color-text)',
  },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'color-mix(in srgb, var(--dx-accent) 30%, transparent)',
  },
  '.cm-selectionMatch': { backgroundColor: 'color-mix(in srgb, var(--dx-accent) 16%, transparent)' },
  '.cm-matchingBracket, &.cm-focused .cm-matchingBracket': {
    backgroundColor: 'color-mix(in srgb, var(--dx-accent) 24%, transparent)',
  },
  '.cm-placeholder': { color: 'var(--mantine-color-dimmed)' },
  '.cm-tooltip': {
    backgroundColor: 'var(--dx-panel)',
    border: '1px solid var(--dx-line)',
    borderRadius: '6px',
    boxShadow: '0 8px 24px -8px rgb(0 0 0 / 35%)',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--mantine-font-family-monospace)', maxHeight: '16em' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '2px 8px' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': { backgroundColor: 'var(--dx-active)', color: 'var(--dx-active-text)' },
  '.cm-completionDetail': { color: 'inherit', opacity: '0.8', fontStyle: 'normal', marginLeft: '1.5em' },
  '.cm-panels': { backgroundColor: 'var(--dx-soft)', color: 'inherit', borderColor: 'var(--dx-line)' },
  '.cm-searchMatch': { backgroundColor: 'var(--dx-warn-soft)' },
});

export const look = [syntaxHighlighting(words), frame];
