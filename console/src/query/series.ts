import type { Rows } from '../api/rows';

/** Most points of a chart. */
export const pointsMax = 1000;

/** What a chart draws: one value for each name. */
export interface Series {
  names: string[];
  values: (number | null)[];
}

/** The columns that a chart begins with: the first that is no number for names, the first that is one for values. */
export function choice(rows: Pick<Rows, 'columns'>): { name: number; value: number } | undefined {
  const value = rows.columns.findIndex(({ number }) => number);
  if (value < 0) return undefined;
  const name = rows.columns.findIndex(({ number }) => !number);
  return { name: name < 0 ? (value === 0 && rows.columns.length > 1 ? 1 : 0) : name, value };
}

/** The first points of an answer. A value that is no number is a gap. */
export function seriesOf(rows: Pick<Rows, 'count' | 'text'>, name: number, value: number): Series {
  const count = Math.min(rows.count, pointsMax);
  const at = (column: number) => Array.from({ length: count }, (_, row) => rows.text(row, column));
  return {
    names: at(name).map(text => text ?? 'NULL'),
    values: at(value).map(text => (text === null || text === '' || Number.isNaN(Number(text)) ? null : Number(text))),
  };
}
