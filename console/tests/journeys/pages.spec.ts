import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { expect, test, url } from './scene';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Every page of the console, and what is on it once it is whole. */
const pages: [name: string, path: string, there: string][] = [
  ['overview', '', 'table'],
  ['catalog', 'catalog', 'table'],
  ['table', 'catalog/lake.dwd.flights', 'table'],
  ['table-preview', 'catalog/lake.dwd.flights?tab=preview', '[role=gridcell]'],
  ['table-history', 'catalog/lake.dwd.flights?tab=history', 'table'],
  ['table-lineage', 'catalog/lake.dwd.flights?tab=lineage', 'main h3'],
  ['query', `query?run=1&sql=${encodeURIComponent('SELECT * FROM lake.dwd.flights LIMIT 1000')}`, '[role=gridcell]'],
  ['connections', 'connections', 'table'],
  ['connection', 'connections/airline', 'table'],
  ['pipelines', 'pipelines', 'table'],
  ['pipeline', 'pipelines/flights-daily', '.react-flow__node'],
  ['runs', 'runs', 'table'],
  ['run', 'runs/LAST', '.react-flow__node'],
  ['quarantine', 'quarantine', 'table'],
  ['quarantine-table', 'quarantine/lake.dwd.flights', 'table'],
  ['services', 'services', 'table'],
  ['service', 'services/delays', 'form'],
  ['service-docs', 'services/delays?tab=docs', 'table'],
  ['users', 'security', 'table'],
  ['roles', 'security?tab=roles', 'table'],
  ['grants', 'security?tab=grants', 'table'],
  ['tokens', 'security?tab=tokens', 'main'],
  ['audit', 'security?tab=audit', 'table'],
  ['system', 'system', 'table'],
  ['new-connection', 'new/Connection', 'form'],
  ['edit', 'edit/Pipeline/flights-daily', '.cm-content'],
];

/** The looks: both languages and both themes, each at least once, and a narrow screen. */
const looks = [
  { name: 'en-light', locale: 'en-US', colorScheme: 'light', viewport: { width: 1280, height: 800 } },
  { name: 'zh-dark', locale: 'zh-CN', colorScheme: 'dark', viewport: { width: 1280, height: 800 } },
  { name: 'zh-narrow', locale: 'zh-CN', colorScheme: 'light', viewport: { width: 390, height: 844 } },
] as const;

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
  // biome-ignore lint/suspicious/noExplicitAny: axe puts itself on the window
  const found = await page.evaluate(async run => (window as any).axe.run(document, { runOnly: run }), tags);
  return found.violations.map((one: { id: string; nodes: { html: string; failureSummary: string }[] }) =>
    [one.id, ...one.nodes.slice(0, 3).map(node => `${node.html.slice(0, 160)} ${node.failureSummary}`)].join('\n  '),
  );
}

for (const look of looks) {
  test.describe(look.name, () => {
    test.use({ locale: look.locale, colorScheme: look.colorScheme, viewport: look.viewport });

    test('every page is whole, fits, and has no fault that axe finds', async ({ signedIn: page, context }) => {
      test.setTimeout(240_000);
      const runs = await (
        await context.request.get(`${url()}/api/v1/runs?pipeline=flights-daily`, { headers: { 'x-dataux-console': '1' } })
      ).json();
      const wrong: string[] = [];
      for (const [name, path, there] of pages) {
        await page.goto(`${url()}/console/${path.replace('LAST', runs.items[0].id)}`);
        await expect(page.locator(there).first(), name).toBeVisible();
        await expect(page.locator('main [role=status][aria-label]'), `${name} still loads`).toHaveCount(0);
        await page.screenshot({ path: join('shots', `${name}-${look.name}.png`) });
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (wide > 0) wrong.push(`${name} is ${wide} pixels too wide`);
        wrong.push(...(await violations(page)).map(one => `${name}: ${one}`));
      }
      expect(wrong.join('\n')).toBe('');
    });

    test('the sign-in page too', async ({ watched: page }) => {
      await page.goto(url());
      await expect(page.locator('form')).toBeVisible();
      await page.screenshot({ path: join('shots', `sign-in-${look.name}.png`) });
      expect(await violations(page)).toEqual([]);
    });
  });
}

test('everything can be reached by keyboard', async ({ signedIn: page }) => {
  await page.goto(`${url()}/console/`);
  await expect(page.locator('table')).toBeVisible();
  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Skip to content' })).toBeFocused();
  for (const [keys, heading] of [
    ['gc', 'Catalog'],
    ['gp', 'Pipelines'],
    ['gs', 'Data services'],
    ['gn', 'Connections'],
    ['gu', 'Security'],
    ['gy', 'System'],
  ]) {
    for (const key of keys ?? '') await page.keyboard.press(key);
    await expect(page.getByRole('heading', { name: heading, level: 1 })).toBeVisible();
  }
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog')).toContainText('Find anything');
  expect(await violations(page)).toEqual([]);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox').fill('worst');
  expect(await violations(page)).toEqual([]);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'lake.ads.worst_days' })).toBeVisible();
  // The editor is left with Escape and Tab.
  await page.goto(`${url()}/console/query`);
  await page.getByRole('textbox', { name: 'SQL' }).focus();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Tab');
  await expect(page.getByRole('textbox', { name: 'SQL' })).not.toBeFocused();
});
