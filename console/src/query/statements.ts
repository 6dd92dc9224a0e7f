/** A statement and where it stands in its text. */
export interface Part {
  from: number;
  to: number;
  text: string;
}

/** The statements of a text. A semicolon in quotes or in a comment ends none. */
export function statements(text: string): Part[] {
  const parts: Part[] = [];
  let from = 0;
  const end = (to: number) => {
    const part = text.slice(from, to);
    const bare = part.replace(/--[^\n]*/g, '').replace(/\/\*[\s\S]*?\*\//g, '');
    if (bare.trim() !== '') {
      const lead = part.length - part.trimStart().length;
      parts.push({ from: from + lead, to: from + part.trimEnd().length, text: part.trim() });
    }
    from = to + 1;
  };
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at];
    if (letter === "'" || letter === '"') at = behind(text, letter, at + 1);
    else if (letter === '-' && text[at + 1] === '-') at = behind(text, '\n', at + 2);
    else if (letter === '/' && text[at + 1] === '*') at = behind(text, '*/', at + 2) + 1;
    else if (letter === ';') end(at);
  }
  end(text.length);
  return parts;
}

/** The statement that a place is in, else the last one before it, else the first. */
export function statementAt(text: string, place: number): Part | undefined {
  const parts = statements(text);
  return parts.findLast(part => part.from <= place) ?? parts[0];
}

/** The names of `$name` parameters, in the order in which they appear. */
export function parametersOf(sql: string): string[] {
  const bare = sql
    .replace(/--[^\n]*/g, ' ')
    .replace(/\/\*[\s\S]*?\*\//g, ' ')
    .replace(/'(?:[^']|'')*'/g, ' ')
    .replace(/"(?:[^"]|"")*"/g, ' ');
  return [...new Set([...bare.matchAll(/\$([a-z_][a-z0-9_]*)/gi)].map(match => match[1] ?? ''))];
}

/** What a typed value means: nothing is NULL, `'…'` is always text, and what reads as a number or truth value is one. */
export function typedValue(typed: string): unknown {
  const bare = typed.trim();
  if (bare === '') return null;
  if (/^'.*'$/.test(bare)) return bare.slice(1, -1);
  if (bare === 'true' || bare === 'false') return bare === 'true';
  if (/^-?(0|[1-9]\d*)(\.\d+)?$/.test(bare) && bare.length <= 15) return Number(bare);
  return typed;
}

function behind(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from);
  return found < 0 ? text.length : found;
}
