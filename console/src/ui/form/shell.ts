/** A word as a shell takes it. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** An API call as curl sends it; the token comes from the reader's environment. */
export function curl(method: string, path: string, body?: unknown): string {
  const parts = ['curl', '-sf', ...(method === 'GET' ? [] : ['-X', method]), quoted(new URL(path, location.origin).href)];
  parts.push('-H', '"Authorization: Bearer $DATAUX_TOKEN"');
  if (body !== undefined) parts.push('-H', quoted('Content-Type: application/json'), '-d', quoted(JSON.stringify(body)));
  return parts.join(' ');
}
