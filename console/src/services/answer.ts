import type { Source } from '../ui/grid/Grid';

/** Rows of JSON as a grid shows them. */
export function sourceOf(items: Record<string, unknown>[]): Source {
  const names = [...new Set(items.flatMap(item => Object.keys(item)))];
  const columns = names.map(name => {
    const value = items.find(item => item[name] != null)?.[name];
    return { name, type: value === undefined ? 'null' : typeof value, number: typeof value === 'number' };
  });
  const text = (row: number, column: number) => {
    const value = items[row]?.[names[column] ?? ''];
    if (value === null || value === undefined) return null;
    return typeof value === 'object' ? JSON.stringify(value) : String(value);
  };
  return { columns, count: items.length, text };
}
