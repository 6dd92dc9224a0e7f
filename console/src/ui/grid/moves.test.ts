import { expect, test } from 'vitest';
import { moved } from './moves';

const press = (key: string, ctrlKey = false) => moved({ key, ctrlKey, metaKey: false }, { row: 5, column: 2 }, 100, 4, 10);

test('keys move the cursor and never leave the table', () => {
  expect(press('ArrowDown')).toEqual({ row: 6, column: 2 });
  expect(press('ArrowDown', true)).toEqual({ row: 99, column: 2 });
  expect(press('PageUp')).toEqual({ row: 0, column: 2 });
  expect(press('End')).toEqual({ row: 5, column: 3 });
  expect(press('Home', true)).toEqual({ row: 0, column: 0 });
  expect(press('End', true)).toEqual({ row: 99, column: 3 });
  expect(press('x')).toBeUndefined();
});
