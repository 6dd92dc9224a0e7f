import { expect, paste, test, url } from './scene';

const editor = 'SQL';

test('a question is typed with completion, run, walked through and kept', async ({ signedIn: page }) => {
  await page.goto(`${url()}/console/query`);
  const box = page.getByRole('textbox', { name: editor });
  await box.click();
  await page.keyboard.type('select * from lake.dwd.fli', { delay: 20 });
  await page.getByRole('option', { name: 'lake.dwd.flights', exact: true }).click();
  await page.keyboard.press('Control+Enter');
  await expect(page.getByText('336,315 rows')).toBeVisible({ timeout: 30_000 });
  const grid = page.getByRole('grid');
  await expect(grid).toHaveAttribute('aria-rowcount', '336316');
  await grid.focus();
  await page.keyboard.press('Control+End');
  await expect(page.getByRole('gridcell', { selected: true })).toBeVisible();
  await expect(grid.locator('[aria-rowindex="336316"]')).toBeVisible();
  await page.keyboard.press('Home');
  await expect(page.getByText('flight_date · 336315')).toBeVisible();
  // What was typed and run is there again after a reload.
  await page.reload();
  await expect(box).toContainText('lake.dwd.flights');
  await page.getByRole('button', { name: 'History' }).click();
  await page.getByRole('button', { name: /select \* from lake\.dwd\.flights/ }).click();
  await expect(page.getByRole('dialog')).toBeHidden();
});

test('values are shown exactly, and NULL is not an empty text', async ({ signedIn: page }) => {
  const sql =
    "select 9007199254740993 as big, arrow_cast('1.10', 'Decimal128(10, 2)') as money, cast(null as text) as nothing, '' as empty, '<b>上海</b> \u202eabc' as odd";
  await page.goto(`${url()}/console/query?run=1&sql=${encodeURIComponent(sql)}`);
  const cells = page.getByRole('gridcell');
  await expect(cells).toHaveText(['9007199254740993', '1.10', 'NULL', '', '<b>上海</b> \u202eabc']);
});

test('a long query is cancelled by one key, on the server as well', { tag: '@heavy' }, async ({ signedIn: page, context }) => {
  const sql =
    'select sum(a.distance_miles + b.flight + c.flight) as total from lake.dwd.flights a cross join lake.dwd.flights b cross join lake.dwd.flights c';
  await page.goto(`${url()}/console/query?run=1&sql=${encodeURIComponent(sql)}`);
  await page.getByRole('button', { name: 'Cancel' }).click();
  await expect(page.getByText('The query was cancelled.')).toBeVisible();
  const cancelled = async () => {
    const answer = await context.request.get(`${url()}/api/v1/audit?action=sql&limit=20`, {
      headers: { 'x-dataux-console': '1' },
    });
    return (await answer.json()).items.some(
      (item: { error?: string; detail?: { sql?: string } }) => item.error === 'cancelled' && item.detail?.sql === sql,
    );
  };
  await expect.poll(cancelled, { timeout: 20_000 }).toBe(true);
});

test('an error says what is wrong and what to do, in Chinese too', async ({ signedIn: page }) => {
  await page.goto(`${url()}/console/query?run=1&sql=${encodeURIComponent('select * from lake.dwd.flihgts')}`);
  await expect(page.getByRole('alert')).toContainText('flights');
  await page.getByText('中文').click();
  await page.getByRole('button', { name: '运行', exact: true }).click();
  await expect(page.getByRole('alert')).toContainText('需由您处理');
});

test('a plan is shown without running the query, and parameters are bound', async ({ signedIn: page }) => {
  await page.goto(
    `${url()}/console/query?sql=${encodeURIComponent('select count(*) as n from lake.dwd.flights where carrier = $carrier')}`,
  );
  await page.getByLabel('$carrier').fill('UA');
  await page.getByRole('button', { name: 'Plan', exact: true }).click();
  await expect(page.getByRole('heading', { name: 'logical_plan' })).toBeVisible();
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(page.getByRole('gridcell').first()).toHaveText(/^\d{5}$/);
});

test('a question becomes a data service that answers', async ({ signedIn: page }) => {
  const sql = 'select airline, flights from lake.ads.airline_punctuality where flights > $least order by flights desc';
  await page.goto(`${url()}/console/query?sql=${encodeURIComponent(sql)}`);
  await page.getByRole('button', { name: 'Save as' }).click();
  await page.getByRole('menuitem', { name: 'Data service' }).click();
  const document = page.getByRole('textbox', { name: 'YAML document' });
  await expect(document).toContainText('my-service');
  const yaml = `apiVersion: dataux/v1\nkind: DataService\nname: busy-airlines\nspec:\n  description: Airlines with many flights\n  sql: ${sql}\n  parameters: {least: {type: integer, required: true}}\n`;
  await paste(page, yaml);
  await page.getByRole('button', { name: 'Check' }).click();
  await expect(page.getByText('will be created')).toBeVisible();
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('heading', { name: 'busy-airlines' })).toBeVisible();
  await page.getByLabel('least').fill('50000');
  await page.getByRole('button', { name: 'Call' }).click();
  await expect(page.getByRole('gridcell').first()).toContainText('United');
  await expect(page.getByText(/curl -sf .*busy-airlines\?least=50000/)).toBeVisible();
});
