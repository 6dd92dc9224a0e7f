import { expect, test } from 'vitest';
import { type Past, pastMax, readPast, withPast } from './history';

const past = (sql: string): Past => ({ sql, at: '2026-01-31T00:00:00Z', rows: 1, millis: 5, state: 'done' });

test('the same statement is kept once, and the list is bounded', () => {
  let list: Past[] = [];
  for (let at = 0; at < pastMax + 5; at += 1) list = withPast(list, past(`select ${at}`));
  expect(list).toHaveLength(pastMax);
  list = withPast(list, past('select 40'));
  expect(list.filter(({ sql }) => sql === 'select 40')).toHaveLength(1);
  expect(list[0]?.sql).toBe('select 40');
});

test('a store that holds something else is no history', () => {
  expect(readPast(null)).toEqual([]);
  expect(readPast('{')).toEqual([]);
  expect(readPast('[1,{"sql":2}]')).toEqual([]);
  expect(readPast(JSON.stringify([past('a')]))).toHaveLength(1);
});
