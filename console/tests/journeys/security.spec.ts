import { expect, signIn, test, url } from './scene';

test('a person is let in, given a right, seen in the audit, and shut out', async ({ signedIn: page, browser }) => {
  await page.goto(`${url()}/console/security`);
  await page.getByRole('button', { name: 'New user' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('User').fill('bob');
  await dialog.getByLabel('First password').fill('staple battery horse correct');
  await dialog.getByRole('button', { name: 'Create' }).click();
  await expect(page.getByRole('link', { name: 'bob' })).toBeVisible();

  await page.getByRole('link', { name: 'Grants' }).click();
  await page.getByRole('button', { name: 'New grant' }).click();
  await dialog.getByLabel('To').selectOption('user:bob');
  await dialog.getByLabel('On').fill('lake.ads.worst_days');
  await dialog.getByRole('button', { name: 'Grant', exact: true }).click();
  await expect(page.getByRole('cell', { name: 'user bob' })).toBeVisible();

  const his = await browser.newContext();
  await signIn(his, 'bob', 'staple battery horse correct');
  const table = await his.request.get(`${url()}/api/v1/tables`, { headers: { 'x-dataux-console': '1' } });
  expect((await table.json()).items.map(({ name }: { name: string }) => name)).toEqual(['lake.ads.worst_days']);

  await page.getByRole('link', { name: 'Users' }).click();
  await page.getByRole('button', { name: 'Disable bob' }).click();
  await expect(dialog).toContainText('stop working at once');
  await dialog.getByRole('button', { name: 'Disable' }).click();
  await expect(page.getByRole('button', { name: 'Enable bob' })).toBeVisible();
  const after = await his.request.get(`${url()}/api/v1/whoami`, { headers: { 'x-dataux-console': '1' } });
  expect(after.status()).toBe(401);
  await his.close();

  await page.getByRole('link', { name: 'Audit' }).click();
  await page.getByRole('button', { name: 'Verify' }).click();
  await expect(page.getByText('nothing was changed and nothing is missing')).toBeVisible();
  await page.getByRole('textbox', { name: 'Who' }).fill('bob');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('cell', { name: 'login' })).toBeVisible();
  await expect(page.getByRole('cell', { name: 'admin', exact: true })).toHaveCount(0);
});

test('a token is made for one service, shown once, and revoked', async ({ signedIn: page, context }) => {
  await page.goto(`${url()}/console/security?tab=tokens`);
  await page.getByRole('button', { name: 'New token' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('dashboard');
  await dialog.getByLabel('Scope').selectOption('delays');
  await dialog.getByRole('button', { name: 'Create' }).click();
  const token = (await dialog.locator('pre').textContent()) ?? '';
  expect(token).toMatch(/^dtx_/);
  const headers = { authorization: `Bearer ${token}` };
  expect((await context.request.get(`${url()}/services/delays?carrier=UA&limit=1`, { headers })).status()).toBe(200);
  expect(
    (await context.request.post(`${url()}/api/v1/sql`, { headers, data: { sql: 'select 1 from lake.dwd.flights' } })).status(),
  ).toBeGreaterThanOrEqual(400);
  await dialog.getByRole('button', { name: 'I have it' }).click();
  expect(await page.content()).not.toContain(token);
  await page.getByRole('button', { name: 'Revoke dashboard' }).click();
  await dialog.getByRole('button', { name: 'Revoke' }).click();
  await expect(page.getByRole('button', { name: 'Revoke dashboard' })).toHaveCount(0);
  expect((await context.request.get(`${url()}/services/delays?carrier=UA&limit=1`, { headers })).status()).toBe(401);
});
