import { expect, test } from 'vitest';
import { callPath, limits } from './service';

test('an address has what was given, and lists once for each item', () => {
  const parameters = { day: { type: 'date' }, codes: { type: 'list', of: 'string' } };
  expect(callPath('de lays', parameters, { day: '2013-01-01', codes: 'UA, AA', limit: '' })).toBe(
    '/services/de%20lays?day=2013-01-01&codes=UA&codes=AA',
  );
  expect(callPath('a', {}, {})).toBe('/services/a');
});

test('limits in a line', () => {
  expect(limits({ type: 'integer', min: 1, max: 5, default: 2 })).toBe('≥ 1, ≤ 5, = 2');
  expect(limits({ type: 'enum', values: ['a', 'b'] })).toBe('a | b');
});
