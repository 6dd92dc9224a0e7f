import type { Completion, CompletionContext, CompletionResult } from '@codemirror/autocomplete';

/** What the catalog offers to completion. */
export interface Names {
  /** Tables that may be read, by full name. */
  tables: string[];
  /** The columns of a table; asked for when the table is mentioned. */
  columns: (table: string) => Promise<{ name: string; type: string }[]>;
}

const keywords = (
  'SELECT FROM WHERE GROUP BY ORDER HAVING LIMIT OFFSET JOIN LEFT RIGHT FULL INNER CROSS ON USING AS AND OR NOT IN IS NULL LIKE ILIKE BETWEEN ' +
  'CASE WHEN THEN ELSE END DISTINCT UNION ALL EXCEPT INTERSECT WITH RECURSIVE OVER PARTITION ROWS ASC DESC NULLS FIRST LAST VALUES EXISTS ' +
  'EXPLAIN ANALYZE SHOW TABLES VERSION TIMESTAMP OF DATE INTERVAL CAST TRUE FALSE QUALIFY'
).split(' ');

const functions =
  'count sum avg min max median stddev approx_distinct array_agg string_agg coalesce nullif round floor ceil abs power sqrt date_trunc date_part to_date to_timestamp now lower upper trim substr replace split_part concat length regexp_match regexp_replace row_number rank dense_rank lag lead first_value last_value greatest least md5 sha256 lpad rpad'.split(
    ' ',
  );

/** Names of tables and columns where they belong, then keywords and functions. */
export function completer(names: Names) {
  return async (context: CompletionContext): Promise<CompletionResult | null> => {
    const word = context.matchBefore(/[\w.$"]*/);
    if (!word || (word.from === word.to && !context.explicit)) return null;
    const text = context.state.doc.toString();
    const before = text.slice(0, word.from).trimEnd();
    const dotted = word.text.includes('.');
    if (/(?:\b(?:from|join|table|describe)|,)$/i.test(before) && (!before.endsWith(',') || inFrom(before))) {
      return { from: word.from, options: tableOptions(names.tables), validFor: /^[\w.]*$/ };
    }
    const mentioned = aliases(text, names.tables);
    if (dotted) {
      const [qualifier = '', ...rest] = word.text.split('.');
      const table = mentioned.get(qualifier.toLowerCase());
      if (table && rest.length === 1) {
        const columns = await names.columns(table);
        return { from: word.from + qualifier.length + 1, options: columnOptions(columns), validFor: /^\w*$/ };
      }
      return { from: word.from, options: tableOptions(names.tables), validFor: /^[\w.]*$/ };
    }
    const tables = [...new Set(mentioned.values())].slice(0, 8);
    const columns = (await Promise.all(tables.map(names.columns))).flat();
    const unique = [...new Map(columns.map(column => [column.name, column])).values()];
    return {
      from: word.from,
      options: [
        ...columnOptions(unique, 2),
        ...[...mentioned.keys()].filter(alias => /^\w+$/.test(alias)).map(label => ({ label, type: 'variable', boost: 1 })),
        ...keywords.map(label => ({ label, type: 'keyword' })),
        ...functions.map(label => ({ label, apply: `${label}(`, type: 'function', detail: '()', boost: -1 })),
        ...(context.explicit ? tableOptions(names.tables) : []),
      ],
      validFor: /^\w*$/,
    };
  };
}

/** The tables that a text names after FROM, JOIN or a comma, by alias and by their last part. */
export function aliases(text: string, tables: string[]): Map<string, string> {
  const known = new Map(tables.map(table => [table.toLowerCase(), table]));
  const found = new Map<string, string>();
  const pattern =
    /\b(?:from|join|,)\s+([\w."]+)(?:\s+(?:version\s+as\s+of\s+\d+\s+)?(?:as\s+)?(?!on\b|where\b|join\b|left\b|right\b|inner\b|cross\b|full\b|group\b|order\b|limit\b|using\b|union\b|version\b|having\b)(\w+))?/gi;
  for (const [, name = '', alias] of text.matchAll(pattern)) {
    const bare = name.replaceAll('"', '').toLowerCase();
    const table = known.get(bare) ?? known.get(`lake.${bare}`);
    if (!table) continue;
    found.set((alias ?? table.split('.').at(-1) ?? table).toLowerCase(), table);
  }
  return found;
}

/** Whether a comma separates tables and not columns. */
function inFrom(before: string): boolean {
  const last = before
    .toLowerCase()
    .match(/\b(from|select|where|group|order|join|on)\b(?!.*\b(?:from|select|where|group|order|join|on)\b)/s);
  return last?.[1] === 'from';
}

function tableOptions(tables: string[]): Completion[] {
  return tables.map(label => ({ label, type: 'class' }));
}

function columnOptions(columns: { name: string; type: string }[], boost = 0): Completion[] {
  return columns.map(({ name, type }) => ({
    label: name,
    apply: /^[a-z_]\w*$/.test(name) ? name : `"${name}"`,
    detail: type,
    type: 'property',
    boost,
  }));
}
