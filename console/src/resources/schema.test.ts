import { CompletionContext } from '@codemirror/autocomplete';
import { EditorState } from '@codemirror/state';
import { expect, test } from 'vitest';
import { completer, type JsonSchema, pathAt } from './schema';

const schema: JsonSchema = {
  properties: { kind: { const: 'Pipeline' }, spec: { $ref: '#/$defs/Spec' } },
  $defs: {
    Spec: {
      properties: { description: { type: 'string' }, steps: { type: 'array', items: { $ref: '#/$defs/Step' } } },
      required: ['steps'],
    },
    Step: { properties: { name: { type: 'string' }, sql: { anyOf: [{ $ref: '#/$defs/Sql' }, { type: 'null' }] } } },
    Sql: { properties: { into: { type: 'string' }, mode: { enum: ['append', 'replace'] }, strict: { type: 'boolean' } } },
  },
};
const complete = (text: string) => {
  const context = new CompletionContext(EditorState.create({ doc: text }), text.length, true);
  return completer(schema)(context)?.options.map(({ label }) => label) ?? [];
};

test('a place has the keys above it, whichever way lists are written', () => {
  const wide = 'spec:\n  steps:\n    - name: a\n      sql:\n        mode: x'.split('\n');
  expect(pathAt(wide, 4, 8)).toEqual(['spec', 'steps', '-', 'sql']);
  const flat = 'spec:\n  steps:\n  - name: a\n  - na'.split('\n');
  expect(pathAt(flat, 3, 4)).toEqual(['spec', 'steps', '-']);
  expect(pathAt(['kind: Pipeline', 'sp'], 1, 0)).toEqual([]);
});

test('keys and values are offered where they belong', () => {
  expect(complete('s')).toEqual(['kind', 'spec']);
  expect(complete('spec:\n  d')).toEqual(['description', 'steps']);
  expect(complete('spec:\n  steps:\n    - n')).toEqual(['name', 'sql']);
  expect(complete('spec:\n  steps:\n    - name: a\n      sql:\n        m')).toEqual(['into', 'mode', 'strict']);
  expect(complete('spec:\n  steps:\n    - name: a\n      sql:\n        mode: ')).toEqual(['append', 'replace']);
  expect(complete('spec:\n  steps:\n    - sql:\n        strict: t')).toEqual(['true', 'false']);
  expect(complete('kind: P')).toEqual(['Pipeline']);
});
