import { type JsonSchema, spread } from './schema';

/** An option of a connector, as a form asks for it. */
export interface Field {
  name: string;
  kind: 'text' | 'number' | 'boolean' | 'choice' | 'secret';
  choices: string[];
  description: string;
  required: boolean;
  /** What holds when nothing is given. */
  given: string;
}

/** A connector: its name and the options that a form can ask for. What is nested deeper is left to the document. */
export interface Connector {
  name: string;
  description: string;
  fields: Field[];
}

/** The connectors of the schema of connections: the members of its spec that are objects with options. */
export function connectors(root: JsonSchema): Connector[] {
  const spec = spread(root.properties?.spec ?? {}, root).find(schema => schema.properties);
  return Object.entries(spec?.properties ?? {}).flatMap(([name, schema]) => {
    const options = spread(schema, root).find(one => one.properties);
    if (!options) return [];
    const fields = Object.entries(options.properties ?? {}).flatMap(
      ([option, inner]) => fieldOf(option, inner, options, root) ?? [],
    );
    return [{ name, description: schema.description ?? options.description ?? '', fields }];
  });
}

function fieldOf(name: string, schema: JsonSchema, within: JsonSchema, root: JsonSchema): Field | undefined {
  const all = spread(schema, root);
  const types = new Set(all.flatMap(one => one.type ?? []));
  const choices = all.flatMap(one => one.enum ?? (one.const === undefined ? [] : [one.const])).map(String);
  const secret = all.some(one => one.$ref?.endsWith('/SecretRef'));
  const nested = all.some(one => one.properties !== undefined) || types.has('array') || types.has('object');
  const kind = secret
    ? 'secret'
    : choices.length > 0
      ? 'choice'
      : types.has('boolean')
        ? 'boolean'
        : types.has('integer') || types.has('number')
          ? 'number'
          : 'text';
  if (!secret && (nested || (kind === 'text' && !types.has('string')))) return undefined;
  const given = schema.default === undefined || schema.default === null ? '' : String(schema.default);
  return {
    name,
    kind,
    choices,
    description: schema.description ?? '',
    required: within.required?.includes(name) ?? false,
    given,
  };
}

/** The options as a spec has them: what was left empty or is as it would be anyway is left out. */
export function specOf(connector: Connector, description: string, values: Record<string, string>): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  for (const { name, kind, given } of connector.fields) {
    const value = values[name]?.trim() ?? '';
    if (value === '' || value === given) continue;
    options[name] =
      kind === 'number' && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : kind === 'boolean' ? value === 'true' : value;
  }
  return { ...(description.trim() !== '' && { description: description.trim() }), [connector.name]: options };
}
