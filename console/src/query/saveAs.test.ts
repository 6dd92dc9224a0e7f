import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { serviceOf, stepOf } from './saveAs';

test('what is written reads as what was meant', () => {
  const service = parse(serviceOf('select *\nfrom t where a = $a;', ['a']));
  expect(service).toMatchObject({
    kind: 'DataService',
    spec: { sql: 'select *\nfrom t where a = $a\n', parameters: { a: { type: 'string' } } },
  });
  expect(serviceOf('select *\nfrom t', [])).toContain('sql: |\n');
  expect(parse(stepOf('select 1')).spec.steps[0].sql).toEqual({ into: 'lake.ads.my_table', mode: 'replace', query: 'select 1' });
});
