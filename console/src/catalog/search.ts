/** A table of the catalog, as a list has it. */
export interface Entry {
  name: string;
  kind: string;
}

/** `catalog.schema` of a full name. */
export function schemaOf(name: string): string {
  return name.slice(0, name.lastIndexOf('.'));
}

/** The tables that have all words, those whose own name begins with the first word before the rest. */
export function found(tables: Entry[], words: string, kind: string, schema: string | undefined): Entry[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = tables.filter(
    table =>
      (kind === 'all' || table.kind === kind) &&
      (schema === undefined || schemaOf(table.name) === schema) &&
      wanted.every(word => table.name.toLowerCase().includes(word)),
  );
  const first = wanted[0];
  if (first === undefined) return fits;
  const begins = (table: Entry) =>
    table.name
      .toLowerCase()
      .slice(schemaOf(table.name).length + 1)
      .startsWith(first);
  return [...fits.filter(begins), ...fits.filter(table => !begins(table))];
}

/** The schemas of these tables and how many each has. */
export function schemas(tables: Entry[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const { name } of tables) counts.set(schemaOf(name), (counts.get(schemaOf(name)) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => a.localeCompare(b));
}

/** A full name as SQL writes it, quoted where it must be. */
export function sqlName(name: string): string {
  const [catalog = '', schema = '', ...rest] = name.split('.');
  return [catalog, schema, rest.join('.')]
    .map(part => (/^[a-z_][a-z0-9_]*$/.test(part) ? part : `"${part.replaceAll('"', '""')}"`))
    .join('.');
}
