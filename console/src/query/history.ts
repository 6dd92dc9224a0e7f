/** A statement that was run from this browser. */
export interface Past {
  sql: string;
  at: string;
  rows: number | null;
  millis: number;
  state: 'done' | 'cancelled' | 'failed';
}

/** Most statements kept. */
export const pastMax = 50;

/** The list with one more; the same statement again moves to the front. */
export function withPast(list: Past[], past: Past): Past[] {
  return [past, ...list.filter(({ sql }) => sql !== past.sql)].slice(0, pastMax);
}

/** What is kept for a user; anything odd in the store counts as nothing. */
export function readPast(stored: string | null): Past[] {
  try {
    const list: unknown = JSON.parse(stored ?? '[]');
    return Array.isArray(list)
      ? list.filter(past => typeof past?.sql === 'string' && typeof past?.at === 'string').slice(0, pastMax)
      : [];
  } catch {
    return [];
  }
}
