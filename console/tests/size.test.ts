import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

// What a browser loads, in bytes as they travel; `npm run build` makes the files.
const dist = join(import.meta.dirname, '..', 'dist');
const kilobyte = 1000;

interface Chunk {
  file: string;
  imports?: string[];
  css?: string[];
}
const manifest: Record<string, Chunk> = JSON.parse(readFileSync(join(dist, 'manifest.json'), 'utf8'));
const size = (file: string) => statSync(join(dist, `${file}.gz`)).size;

/** The files that these entries need before they can be drawn. */
function needed(entries: string[]): Set<string> {
  const files = new Set<string>();
  const add = (name: string) => {
    const chunk = manifest[name];
    if (!chunk) throw new Error(`${name} is not in the manifest`);
    if (files.has(chunk.file)) return;
    files.add(chunk.file);
    for (const css of chunk.css ?? []) files.add(css);
    for (const imported of chunk.imports ?? []) add(imported);
  };
  entries.forEach(add);
  return files;
}
const sum = (files: Iterable<string>, ending: string) =>
  [...files].filter(file => file.endsWith(ending)).reduce((total, file) => total + size(file), 0);

test('the first page is at most 200 kB of script and 40 kB of style', () => {
  for (const language of ['en', 'zh']) {
    const files = needed(['index.html', 'src/overview/OverviewPage.tsx', `src/app/messages.${language}.ts`]);
    expect(sum(files, '.js') / kilobyte, 'kB of script').toBeLessThanOrEqual(200);
    expect(sum(files, '.css') / kilobyte, 'kB of style').toBeLessThanOrEqual(40);
  }
});

test('a file is at most 200 kB, and all are at most 1.2 MB', () => {
  const files = readdirSync(join(dist, 'assets')).filter(name => /\.(js|css)$/.test(name));
  expect(files.length).toBeGreaterThan(20);
  for (const file of files) expect(size(join('assets', file)) / kilobyte, file).toBeLessThanOrEqual(200);
  expect(files.reduce((total, file) => total + size(join('assets', file)), 0) / kilobyte, 'kB in all').toBeLessThanOrEqual(1200);
});
