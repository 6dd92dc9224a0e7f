import { expect, test } from 'vitest';
import { ago, bytes, duration } from './units';

test('sizes', () => {
  expect([0, 1023, 1024, 4_928_307, 1024 ** 3 * 123].map(count => bytes(count, 'en'))).toEqual([
    '0 B',
    '1,023 B',
    '1 KiB',
    '4.7 MiB',
    '123 GiB',
  ]);
});

test('lengths of time', () => {
  expect([0, 450, 12_345, 59_960, 61_000, 3_600_000, 3_840_000, 90_000_000].map(millis => duration(millis, 'en'))).toEqual([
    '0 ms',
    '450 ms',
    '12.3 s',
    '1 min',
    '1 min 1 s',
    '1 h',
    '1 h 4 min',
    '1 d 1 h',
  ]);
  expect(duration(12_345, 'zh-CN')).toBe('12.3 秒');
});

test('how long ago', () => {
  const now = new Date('2026-01-31T12:00:00Z');
  const back = (seconds: number) => new Date(now.getTime() - seconds * 1000);
  expect(ago(back(90), now, 'en')).toBe('1 minute ago');
  expect(ago(back(0), now, 'en')).toBe('now');
  expect(ago(back(86_400 * 3), now, 'zh-CN')).toBe('3天前');
});
