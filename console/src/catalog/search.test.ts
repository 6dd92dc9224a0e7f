import { expect, test } from 'vitest';
import { found, schemas, sqlName } from './search';

const tables = [
  { name: 'lake.dwd.clean_flights', kind: 'table' },
  { name: 'lake.dwd.flights', kind: 'table' },
  { name: 'lake.dwd.flights__quarantine', kind: 'quarantine' },
  { name: 'airline.main.planes', kind: 'live' },
];
const names = (words: string, kind = 'all', schema?: string) => found(tables, words, kind, schema).map(({ name }) => name);

test('words, kind and schema narrow the list; names that begin with the word come first', () => {
  expect(names('flights', 'table')).toEqual(['lake.dwd.flights', 'lake.dwd.clean_flights']);
  expect(names('MAIN pla')).toEqual(['airline.main.planes']);
  expect(names('', 'all', 'lake.dwd')).toHaveLength(3);
});

test('schemas are counted', () => {
  expect(schemas(tables)).toEqual([
    ['airline.main', 1],
    ['lake.dwd', 3],
  ]);
});

test('names are quoted where SQL needs it', () => {
  expect(sqlName('lake.dwd.flights')).toBe('lake.dwd.flights');
  expect(sqlName('my-crm.Public.a"b.c')).toBe('"my-crm"."Public"."a""b.c"');
});
