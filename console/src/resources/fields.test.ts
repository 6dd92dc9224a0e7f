import { expect, test } from 'vitest';
import { connectors, specOf } from './fields';
import type { JsonSchema } from './schema';

const schema: JsonSchema = {
  properties: { spec: { $ref: '#/$defs/Spec' } },
  $defs: {
    Spec: {
      properties: {
        description: { type: ['string', 'null'] },
        postgres: { anyOf: [{ $ref: '#/$defs/Postgres' }, { type: 'null' }], description: 'A PostgreSQL database.' },
      },
    },
    Postgres: {
      required: ['host'],
      properties: {
        host: { type: 'string', description: 'Its name.' },
        port: { type: 'integer', default: 5432 },
        password: { anyOf: [{ $ref: '#/$defs/SecretRef' }, { type: 'null' }] },
        tls: { $ref: '#/$defs/Tls', default: 'disable' },
        store: { $ref: '#/$defs/Store' },
        quiet: { type: 'boolean' },
      },
    },
    SecretRef: { type: 'string' },
    Store: { properties: { region: { type: 'string' } } },
    Tls: { oneOf: [{ const: 'disable' }, { const: 'require' }] },
  },
};

test('a connector’s options become fields; nested ones are left to the document', () => {
  const [postgres] = connectors(schema);
  expect(postgres?.name).toBe('postgres');
  expect(postgres?.fields.map(({ name, kind, required }) => [name, kind, required])).toEqual([
    ['host', 'text', true],
    ['port', 'number', false],
    ['password', 'secret', false],
    ['tls', 'choice', false],
    ['quiet', 'boolean', false],
  ]);
  expect(postgres?.fields[3]?.choices).toEqual(['disable', 'require']);
});

test('a spec has what was filled in and nothing else', () => {
  const [postgres] = connectors(schema);
  if (!postgres) throw new Error('there is one');
  const values = { host: ' db ', port: '5433', password: 'secret:crm', tls: 'disable', quiet: 'true' };
  expect(specOf(postgres, 'CRM', values)).toEqual({
    description: 'CRM',
    postgres: { host: 'db', port: 5433, password: 'secret:crm', quiet: true },
  });
  expect(specOf(postgres, '', { port: '5432' })).toEqual({ postgres: {} });
});
