import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..', 'src');
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
  name => /\.tsx?$/.test(name) && !name.endsWith('schema.d.ts'),
);
const production = files.filter(name => !name.includes('.test.'));
const read = (name: string) => readFileSync(join(root, name), 'utf8');

/** What every feature may import; features do not import each other. */
const shared = ['api', 'app', 'ui'];

test('features import api, app and ui, and never another feature', () => {
  for (const name of files.filter(file => file.includes('/'))) {
    const home = name.split('/')[0] ?? '';
    for (const [, path = ''] of read(name).matchAll(/from '(\.\.?\/[^']+)'/g)) {
      const target = join(name, '..', path).split('/')[0] ?? '';
      // The routes and the texts are the one list of all features.
      const list = home === 'app' && /routes|messages/.test(name);
      expect(target === home || shared.includes(target) || list, `${name} imports ${path}`).toBe(true);
      if (home === 'api') expect(target, `${name} imports ${path}`).toBe('api');
    }
  }
});

test('files are short', () => {
  const sizes = production.map(name => [Buffer.byteLength(read(name)), name] as const).sort(([a], [b]) => a - b);
  const at = (share: number) => sizes[Math.floor((sizes.length - 1) * share)]?.[0] ?? 0;
  expect(sizes.length).toBeGreaterThan(80);
  expect(at(0.5), 'the median file, in bytes').toBeLessThanOrEqual(3_000);
  expect(at(0.9), 'nine files of ten, in bytes').toBeLessThanOrEqual(8_000);
  expect(sizes.at(-1)?.[0], sizes.at(-1)?.[1]).toBeLessThanOrEqual(16_000);
});

test('a component’s file has its name', () => {
  for (const name of production.filter(file => file.endsWith('.tsx') && /^[A-Z]/.test(basename(file)))) {
    const component = basename(name, '.tsx');
    expect(read(name), name).toMatch(new RegExp(`export (?:function|const) ${component}\\b`));
  }
});

test('only the API’s own folder fetches', () => {
  for (const name of production.filter(file => !file.startsWith('api/')))
    expect(read(name), name).not.toMatch(/[^.\w]fetch\(|XMLHttpRequest|EventSource/);
});

test('nobody reads a sentence that is not in the files of texts', () => {
  // Names that are the same in every language.
  const names = /^(dataux|Ctrl K|GET|NULL|YAML|API|SQL|openapi\.json|\.{1,3}|[^\p{L}]*)$/u;
  for (const name of production.filter(file => file.endsWith('.tsx'))) {
    const tree = ts.createSourceFile(name, read(name), ts.ScriptTarget.Latest, true, ts.ScriptKind.TSX);
    const visit = (node: ts.Node) => {
      if (ts.isJsxText(node)) {
        const text = node.text.trim().replace(/\s*\/services\/$/, '');
        expect(names.test(text), `${name}: ${text}`).toBe(true);
      }
      ts.forEachChild(node, visit);
    };
    visit(tree);
  }
});
