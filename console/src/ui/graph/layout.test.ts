import { expect, test } from 'vitest';
import { layout } from './layout';

test('what comes before stands further left, and no two nodes cover each other', () => {
  const placed = layout({
    nodes: ['a', 'b', 'c'],
    edges: [
      ['a', 'c'],
      ['b', 'c'],
      ['nowhere', 'c'],
    ],
    width: 100,
    height: 40,
  });
  const [a, b, c] = placed;
  expect(a && c && a.x + 100 <= c.x).toBe(true);
  expect(a && b && Math.abs(a.y - b.y) >= 40).toBe(true);
});
