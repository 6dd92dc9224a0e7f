import { expect, test } from 'vitest';
import { sourceOf } from './answer';

test('rows of JSON become a grid; a missing member is NULL', () => {
  const source = sourceOf([
    { a: null, b: 'x' },
    { a: 1, c: [1] },
  ]);
  expect(source.columns.map(({ name, number }) => [name, number])).toEqual([
    ['a', true],
    ['b', false],
    ['c', false],
  ]);
  expect([source.text(0, 0), source.text(0, 2), source.text(1, 0), source.text(1, 2)]).toEqual([null, null, '1', '[1]']);
  expect(sourceOf([]).count).toBe(0);
});
