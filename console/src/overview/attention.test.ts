import { expect, test } from 'vitest';
import { needs } from './attention';

const run = (id: string, pipeline: string, state: string) => ({ id, pipeline, state, created_at: '2026-01-31T00:00:00Z' });

test('a pipeline needs somebody while its last finished run failed', () => {
  const runs = [
    run('5', 'a', 'running'),
    run('4', 'a', 'failed'),
    run('3', 'b', 'succeeded'),
    run('2', 'b', 'failed'),
    run('1', 'a', 'succeeded'),
  ];
  expect(needs(runs, []).failed.map(({ id }) => id)).toEqual(['4']);
});

test('records in quarantine are added up by table', () => {
  const held = [
    { table: 'a', cause: 'range', records: 1 },
    { table: 'b', cause: 'type', records: 9 },
    { table: 'a', cause: 'range', records: 3 },
    { table: 'a', cause: null, records: 1 },
  ];
  expect(needs([], held).quarantined).toEqual([
    { table: 'b', records: 9, causes: ['type'] },
    { table: 'a', records: 5, causes: ['range'] },
  ]);
});
