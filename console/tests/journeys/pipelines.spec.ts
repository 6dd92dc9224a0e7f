import { expect, test, url } from './scene';

test('a run is started, watched to its end, and its records in quarantine are found', async ({ signedIn: page }) => {
  await page.goto(`${url()}/console/pipelines`);
  await page.getByRole('button', { name: 'Run flights-daily' }).click();
  await page.getByRole('button', { name: 'Start' }).click();
  await expect(page.getByRole('heading', { name: 'Run of flights-daily' })).toBeVisible();
  await expect(page.locator('[data-state="running"], [data-state="queued"], [data-state="succeeded"]').first()).toBeVisible();
  await expect(page.getByRole('button', { name: 'Run again' })).toBeVisible({ timeout: 45_000 });
  await expect(page.getByRole('log')).toContainText('clean-flights');
  await expect(page.getByRole('region', { name: 'Graph' }).getByText('clean-flights').first()).toBeVisible();
  await page.getByRole('button', { name: 'clean-flights', exact: true }).click();
  await expect(page.getByRole('log')).not.toContainText('airports');
  await page.getByRole('link', { name: '461', exact: true }).first().click();
  await expect(page.getByRole('heading', { name: 'Quarantine of lake.dwd.flights' })).toBeVisible();
  await expect(page.getByText('took-off-and-landed').first()).toBeVisible();
});

test('a run is cancelled and goes on where it was', { tag: '@heavy' }, async ({ signedIn: page, context }) => {
  test.setTimeout(150_000);
  const slow =
    'apiVersion: dataux/v1\nkind: Pipeline\nname: slow\nspec:\n  steps:\n    - name: quick\n      sql: {into: lake.tmp.quick, query: select 1 as a}\n' +
    '    - name: endless\n      after: [quick]\n      sql: {into: lake.tmp.endless, query: "select sum(a.flight + b.flight + c.flight) as total from lake.dwd.flights a cross join lake.dwd.flights b cross join lake.dwd.flights c"}\n';
  const headers = { 'x-dataux-console': '1' };
  const applied = await context.request.post(`${url()}/api/v1/apply`, {
    headers: { ...headers, 'content-type': 'application/yaml' },
    data: slow,
  });
  expect(applied.status(), await applied.text()).toBe(200);
  const { id } = await (await context.request.post(`${url()}/api/v1/pipelines/slow/runs`, { headers, data: {} })).json();
  await page.goto(`${url()}/console/runs/${id}`);
  await expect(page.getByText('1 of 2 steps done')).toBeVisible({ timeout: 30_000 });
  await page.getByRole('button', { name: 'Cancel' }).click();
  await expect(page.getByRole('dialog')).toContainText('It can be resumed');
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).last().click();
  await expect(page.getByRole('button', { name: 'Resume' })).toBeVisible({ timeout: 30_000 });
  await page.getByRole('button', { name: 'Resume' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Resume' }).click();
  await expect(page.locator('main').getByRole('button', { name: 'Cancel' })).toBeVisible();
  await context.request.post(`${url()}/api/v1/runs/${id}/cancel`, { headers });
  await expect(page.getByRole('button', { name: 'Resume' })).toBeVisible({ timeout: 30_000 });
});
