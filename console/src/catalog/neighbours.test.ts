import { expect, test } from 'vitest';
import { neighbours } from './neighbours';

const steps = [
  { pipeline: 'p', name: 'clean', reads: ['ods.a'], writes: ['dwd.a', 'dwd.a__quarantine'] },
  { pipeline: 'p', name: 'sum', reads: ['dwd.a', 'ods.b'], writes: ['dws.a'] },
  { pipeline: 'q', name: 'own', reads: ['dwd.a'], writes: ['dwd.a'] },
];

test('one hop each way', () => {
  expect(neighbours('dwd.a', steps)).toEqual({
    before: [
      { pipeline: 'p', step: 'clean', tables: ['ods.a'] },
      { pipeline: 'q', step: 'own', tables: [] },
    ],
    after: [{ pipeline: 'p', step: 'sum', tables: ['dws.a'] }],
  });
});
