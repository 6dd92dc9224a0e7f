import { expect, test } from 'vitest';
import { choice, pointsMax, seriesOf } from './series';

const column = (name: string, number: boolean) => ({ name, type: '', number });

test('names and values are chosen by what columns hold', () => {
  expect(choice({ columns: [column('n', true), column('who', false)] })).toEqual({ name: 1, value: 0 });
  expect(choice({ columns: [column('year', true), column('n', true)] })).toEqual({ name: 1, value: 0 });
  expect(choice({ columns: [column('who', false)] })).toBeUndefined();
});

test('NULL is a gap, and a chart has its bound', () => {
  const cells = [
    ['a', '1.5'],
    [null, null],
    ['c', 'NaN'],
  ];
  const rows = { count: 3, text: (row: number, at: number) => cells[row]?.[at] ?? null };
  expect(seriesOf(rows, 0, 1)).toEqual({ names: ['a', 'NULL', 'c'], values: [1.5, null, null] });
  expect(seriesOf({ count: 5000, text: () => '1' }, 0, 0).names).toHaveLength(pointsMax);
});
