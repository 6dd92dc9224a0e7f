import { expect, test } from 'vitest';
import { connectorOf, whereOf } from './connection';

test('the connector and where it leads, and no password', () => {
  expect(connectorOf({ description: 'x', sqlite: { path: 'a.db' } })).toBe('sqlite');
  expect(whereOf({ files: { location: 's3://bucket/a' } })).toBe('s3://bucket/a');
  expect(whereOf({ postgres: { host: 'db', port: 5432, database: 'crm', password: 'secret:crm' } })).toBe('db:5432/crm');
  expect(whereOf({ mysql: { url: 'mysql://ann:pw@db/crm' } })).toBe('mysql://db/crm');
  expect([connectorOf({}), whereOf(null)]).toEqual(['', '']);
});
