/** Something that can be found and done. */
export interface Command {
  id: string;
  label: string;
  group: string;
  run: () => unknown;
}

/** The commands that have all words, those that begin with them first. */
export function best(commands: Command[], words: string, most: number): Command[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const ranked: [number, number, Command][] = [];
  commands.forEach((command, index) => {
    const text = `${command.label} ${command.group}`.toLowerCase();
    if (!wanted.every(word => text.includes(word))) return;
    const label = command.label.toLowerCase();
    const begins = wanted.length > 0 && label.startsWith(wanted[0] ?? '');
    const part = wanted.length > 0 && label.split(/[._\s-]/).some(one => one.startsWith(wanted[0] ?? ''));
    ranked.push([begins ? 0 : part ? 1 : 2, index, command]);
  });
  ranked.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  return ranked.slice(0, most).map(([, , command]) => command);
}
