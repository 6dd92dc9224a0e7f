import type { Completion, CompletionContext, CompletionResult } from '@codemirror/autocomplete';

/** The part of JSON Schema that our kinds use. */
export interface JsonSchema {
  $ref?: string;
  $defs?: Record<string, JsonSchema>;
  type?: string | string[];
  description?: string;
  properties?: Record<string, JsonSchema>;
  additionalProperties?: JsonSchema | boolean;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  required?: string[];
}

/** What stands on a line and where: the dashes of lists, and the key. */
function tokens(line: string): [number, string][] {
  const match = /^(\s*)((?:- +|-$)*)([\w.-]+(?=\s*:))?/.exec(line);
  if (!match) return [];
  const [, lead = '', dashes = '', key] = match;
  const found = [...dashes.matchAll(/-/g)].map((dash): [number, string] => [lead.length + dash.index, '-']);
  if (key !== undefined) found.push([lead.length + dashes.length, key]);
  return found;
}

/** The keys above a key that stands on a line at a column, from the outside in. An item of a list is `-`. */
export function pathAt(lines: string[], row: number, column: number): string[] {
  const path: string[] = [];
  let limit = column;
  for (let at = row; at >= 0; at -= 1) {
    for (const [place, token] of tokens(lines[at] ?? '').reverse()) {
      // A list may stand at the same column as the key that holds it.
      const holds = place < limit || (place === limit && token !== '-' && path[0] === '-');
      if (!holds || (at === row && token !== '-')) continue;
      path.unshift(token);
      limit = place;
    }
  }
  return path;
}

/** The schemas that may hold at a path. */
export function schemasAt(root: JsonSchema, path: string[]): JsonSchema[] {
  let now = spread(root, root);
  for (const key of path) {
    now = now.flatMap(schema => {
      const next =
        key === '-'
          ? schema.items
          : (schema.properties?.[key] ??
            (typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined));
      return next ? spread(next, root) : [];
    });
  }
  return now;
}

/** A schema with its references followed and its alternatives side by side. */
export function spread(schema: JsonSchema, root: JsonSchema, depth = 0): JsonSchema[] {
  if (depth > 8) return [];
  const target = schema.$ref?.startsWith('#/$defs/') ? root.$defs?.[schema.$ref.slice('#/$defs/'.length)] : undefined;
  const inner = [...(target ? [target] : []), ...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])];
  return [schema, ...inner.flatMap(one => spread(one, root, depth + 1))];
}

/** Keys where keys belong, values where the schema names them. The documentation comes along. */
export function completer(root: JsonSchema) {
  return (context: CompletionContext): CompletionResult | null => {
    const line = context.state.doc.lineAt(context.pos);
    const lines = context.state.doc.toString().split('\n');
    const before = line.text.slice(0, context.pos - line.from);
    const value = /^(\s*(?:- +)*)([\w.-]+)\s*:\s+([\w.-]*)$/.exec(before);
    if (value) {
      const [, lead = '', key = '', typed = ''] = value;
      const options = schemasAt(root, [...pathAt(lines, line.number - 1, lead.length), key]).flatMap(valuesOf);
      return options.length > 0 ? { from: context.pos - typed.length, options } : null;
    }
    const key = /^(\s*(?:- +)*)([\w.-]*)$/.exec(before);
    if (!key || (key[2] === '' && !context.explicit)) return null;
    const [, lead = '', typed = ''] = key;
    const options = schemasAt(root, pathAt(lines, line.number - 1, lead.length)).flatMap(keysOf);
    const unique = [...new Map(options.map(option => [option.label, option])).values()];
    return unique.length > 0 ? { from: context.pos - typed.length, options: unique, validFor: /^[\w.-]*$/ } : null;
  };
}

function keysOf(schema: JsonSchema): Completion[] {
  return Object.entries(schema.properties ?? {}).map(([label, { description }]) => ({
    label,
    apply: `${label}: `,
    detail: schema.required?.includes(label) ? '*' : undefined,
    info: description,
    type: 'property',
  }));
}

function valuesOf(schema: JsonSchema): Completion[] {
  const values = schema.enum ?? (schema.const === undefined ? [] : [schema.const]);
  const truth = schema.type === 'boolean' ? [true, false] : [];
  return [...values, ...truth].map(value => ({ label: String(value), info: schema.description, type: 'constant' }));
}
