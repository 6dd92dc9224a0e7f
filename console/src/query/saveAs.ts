import { stringify } from 'yaml';

/** A data service over a statement, as YAML to be completed. */
export function serviceOf(sql: string, parameters: string[]): string {
  const declared = Object.fromEntries(parameters.map(name => [name, { type: 'string' }]));
  const spec = { description: '', sql: block(sql), ...(parameters.length > 0 && { parameters: declared }) };
  return stringify({ apiVersion: 'dataux/v1', kind: 'DataService', name: 'my-service', spec }, { lineWidth: 0 });
}

/** A pipeline of one step that keeps a statement's answer. */
export function stepOf(sql: string): string {
  const step = { name: 'my-step', sql: { into: 'lake.ads.my_table', mode: 'replace', query: block(sql) } };
  return stringify(
    { apiVersion: 'dataux/v1', kind: 'Pipeline', name: 'my-pipeline', spec: { description: '', steps: [step] } },
    { lineWidth: 0 },
  );
}

/** Text of several lines ends with a newline, so that YAML writes it as a block. */
function block(sql: string): string {
  const bare = sql.trim().replace(/;$/, '');
  return bare.includes('\n') ? `${bare}\n` : bare;
}
