import { expect, test } from 'vitest';
import { bar, left, share, whole } from './run';

const step = (state: string, rows = 0, total_rows: number | null = null, bytes = 0, total_bytes: number | null = null) => ({
  state,
  rows,
  bytes,
  total_rows,
  total_bytes,
});

test('a share is said only where it is known', () => {
  expect(share(step('succeeded'))).toBe(1);
  expect(share(step('running', 50, 200))).toBe(0.25);
  expect(share(step('running', 50, 200, 30, 40))).toBe(0.75);
  expect(share(step('running', 500, 200))).toBe(1);
  expect(share(step('running', 50))).toBeUndefined();
});

test('a run is the mean of its steps', () => {
  expect(whole([step('succeeded'), step('running', 1, 2), step('pending'), step('running')])).toBe(0.5);
  expect(whole([])).toBe(0);
});

test('what is left is not guessed too early', () => {
  expect(left(0.5, 10_000)).toBe(10_000);
  expect(left(0.01, 10_000)).toBeUndefined();
  expect(left(0.5, 100)).toBeUndefined();
});

test('bars stand where their steps were', () => {
  const at = (seconds: number) => new Date(seconds * 1000).toISOString();
  expect(bar({ started_at: at(10), finished_at: at(20) }, 0, 40_000)).toEqual([0.25, 0.5]);
  expect(bar({ started_at: at(10), finished_at: null }, 0, 40_000)).toEqual([0.25, 1]);
  expect(bar({ started_at: null }, 0, 1)).toBeUndefined();
});
