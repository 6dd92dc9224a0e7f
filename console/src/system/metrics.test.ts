import { expect, test } from 'vitest';
import { one, read } from './metrics';

const text =
  '# HELP a_total How many.\n# TYPE a_total counter\na_total{x="1",y="}"} 2\na_total{x="2"} 3\nb 1.5e3\n\nodd line here\n';

test('samples with their labels and help', () => {
  expect(read(text)).toEqual([
    { name: 'a_total', labels: 'x="1",y="}"', value: 2, help: 'How many.' },
    { name: 'a_total', labels: 'x="2"', value: 3, help: 'How many.' },
    { name: 'b', labels: '', value: 1500, help: '' },
  ]);
  expect([one(read(text), 'a_total'), one(read(text), 'c')]).toEqual([5, undefined]);
});
