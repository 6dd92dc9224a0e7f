import { expect, test } from 'vitest';
import { nameOf, sentence } from './grant';

test('a grant has a sentence and a name that may be one', () => {
  const grant = { to: { role: 'analyst' }, allow: ['select'], on: ['lake.dws', 'service:*'] };
  expect(sentence(grant)).toBe('select → lake.dws, service:*');
  expect(nameOf(grant)).toBe('analyst-select-lake-dws-service-all');
  expect(nameOf({ ...grant, on: ['x'.repeat(100)] })).toHaveLength(63);
});
