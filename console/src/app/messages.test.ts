import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
const folders = readdirSync(root).filter(
  name => statSync(join(root, name)).isDirectory() && readdirSync(join(root, name)).includes('en.json'),
);
const read = (folder: string, locale: string): Record<string, string> =>
  JSON.parse(readFileSync(join(root, folder, `${locale}.json`), 'utf8'));
/** The names of the values in a sentence; what a plural says in its braces is no name. */
function places(sentence: string): Set<string> {
  const bare = sentence.replace(/\b(?:one|other) \{((?:[^{}]|\{[^{}]*\})*)\}/g, '$1');
  return new Set([...bare.matchAll(/\{(\w+)[,}]/g)].map(match => match[1] ?? ''));
}

test.each(folders)('%s says the same in both languages', folder => {
  const [en, zh] = [read(folder, 'en'), read(folder, 'zh')];
  expect(Object.keys(zh)).toEqual(Object.keys(en));
  for (const [key, sentence] of Object.entries(en)) {
    expect(key.startsWith(`${folder}.`), `${key} belongs to another folder`).toBe(true);
    expect(places(zh[key] ?? ''), key).toEqual(places(sentence));
  }
});

test('no sentence is unused, and none is missing', () => {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
    name => /\.tsx?$/.test(name) && !name.includes('messages'),
  );
  const source = files.map(name => readFileSync(join(root, name), 'utf8')).join('\n');
  for (const key of folders.flatMap(folder => Object.keys(read(folder, 'en')))) {
    const stem = key.slice(0, key.lastIndexOf('.') + 1);
    expect(source.includes(`'${key}'`) || source.includes(`\`${stem}\${`), `${key} is used nowhere`).toBe(true);
  }
});
