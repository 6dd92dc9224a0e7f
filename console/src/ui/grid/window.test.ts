import { expect, test } from 'vitest';
import { fullHeight, heightMax, places, rowHeight, scrollTo, shownColumns, shownRows, widthFor } from './window';

const view = 20 * rowHeight;

test('few rows are seen where they are', () => {
  expect(shownRows(100, 0, view)).toEqual({ from: 0, to: 24, top: 0 });
  const { from, to, top } = shownRows(100, 50 * rowHeight + 5, view);
  expect([from, to]).toEqual([46, 75]);
  expect(top).toBeCloseTo(-4 * rowHeight - 5);
  expect(shownRows(0, 0, view)).toEqual({ from: 0, to: 0, top: 0 });
});

test('the first and the last of ten million rows can be reached', () => {
  const rows = 10_000_000;
  expect(fullHeight(rows)).toBe(heightMax);
  expect(shownRows(rows, 0, view).from).toBe(0);
  const end = shownRows(rows, heightMax - view, view);
  expect(end.to).toBe(rows);
  expect(end.top + (rows - end.from) * rowHeight).toBeCloseTo(view, 3);
});

test('a row that is asked for is seen, and the view stays where it is if it was', () => {
  for (const rows of [1_000, 10_000_000]) {
    for (const row of [0, 500, rows - 1]) {
      const top = scrollTo(rows, row, 0, view);
      const { from, to } = shownRows(rows, top, view);
      expect(from <= row && row < to).toBe(true);
      expect(scrollTo(rows, row, top, view)).toBeCloseTo(top, 3);
    }
  }
});

test('only the columns that are seen are drawn', () => {
  const starts = [0, 100, 200, 300, 400];
  expect(shownColumns(starts, 0, 150)).toEqual([0, 2]);
  expect(shownColumns(starts, 150, 150)).toEqual([1, 3]);
  expect(shownColumns(starts, 399, 150)).toEqual([3, 4]);
});

test('widths follow the text', () => {
  expect(places('上海a')).toBe(5);
  expect([widthFor(1), widthFor(20), widthFor(1000)]).toEqual([64, 172, 360]);
});
