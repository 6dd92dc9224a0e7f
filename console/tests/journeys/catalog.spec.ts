import { expect, test, url } from './scene';

test('a table is found, looked at as it was, and where it comes from', async ({ signedIn: page }) => {
  await page.goto(`${url()}/console/`);
  await expect(page.locator('table').first()).toBeVisible();
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox').fill('route_delays');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'lake.dws.route_delays' })).toBeVisible();
  await expect(page.getByRole('cell', { name: 'arr_delay_minutes_mean' })).toBeVisible();
  await page.getByRole('link', { name: 'History' }).click();
  await page.getByRole('link', { name: 'See version 0' }).click();
  await expect(page.getByRole('heading', { name: 'Preview of version 0' })).toBeVisible();
  expect(page.url()).toContain('version=0');
  await page.getByRole('link', { name: 'Lineage' }).click();
  await expect(page.getByRole('link', { name: 'lake.dwd.flights' })).toBeVisible();
  await expect(page.getByRole('link', { name: 'flights-daily/route-delays' })).toBeVisible();
});

test('an earlier version is brought back as a new one', async ({ signedIn: page, context }) => {
  const headers = { 'x-dataux-console': '1' };
  for (const value of [1, 2]) {
    const yaml = `apiVersion: dataux/v1\nkind: Pipeline\nname: versions\nspec:\n  steps:\n    - name: write\n      sql: {into: lake.tmp.versions, query: select ${value} as a}\n`;
    await context.request.post(`${url()}/api/v1/apply`, {
      headers: { ...headers, 'content-type': 'application/yaml' },
      data: yaml,
    });
    const { id } = await (await context.request.post(`${url()}/api/v1/pipelines/versions/runs`, { headers, data: {} })).json();
    await expect
      .poll(async () => (await (await context.request.get(`${url()}/api/v1/runs/${id}`, { headers })).json()).state, {
        timeout: 30_000,
      })
      .toBe('succeeded');
  }
  await page.goto(`${url()}/console/catalog/lake.tmp.versions?tab=history`);
  const oldest = page.getByRole('button', { name: /^Restore version/ }).last();
  await expect(oldest).toBeVisible();
  const before = await page.getByRole('row').count();
  await oldest.click();
  await expect(page.getByRole('dialog')).toContainText('No version is lost');
  await page.getByRole('dialog').getByRole('button', { name: 'Restore' }).click();
  await expect(page.getByRole('row')).toHaveCount(before + 1);
});
