import { expect, paste, test, url } from './scene';

test('a connection is tested, looked into and queried live', async ({ signedIn: page }) => {
  await page.goto(`${url()}/console/connections`);
  await page.getByRole('button', { name: 'Test airline', exact: true }).click();
  await expect(page.getByText(/SQLite \d/)).toBeVisible();
  await page.getByRole('link', { name: 'airline', exact: true }).click();
  await page.getByRole('link', { name: 'planes' }).click();
  await expect(page.getByRole('heading', { name: 'airline.main.planes' })).toBeVisible();
  await expect(page.getByRole('gridcell').first()).toBeVisible();
});

test('a new connection that is wrong says what to do, and is made right', async ({ signedIn: page }) => {
  await page.goto(`${url()}/console/new/Connection`);
  await page.getByLabel('System').selectOption('sqlite');
  await page.getByLabel('Name').fill('lost');
  await page.getByLabel('path').fill('nowhere.db');
  await expect(page.locator('pre')).toContainText('path: nowhere.db');
  await page.getByRole('button', { name: 'Go on as YAML' }).click();
  await paste(page, 'apiVersion: dataux/v1\nkind: Connection\nname: lost\nspec:\n  sqlite:\n    pth: nowhere.db\n');
  await page.getByRole('button', { name: 'Check' }).click();
  await expect(page.getByRole('alert')).toContainText('path');
  await paste(page, 'apiVersion: dataux/v1\nkind: Connection\nname: lost\nspec:\n  sqlite:\n    path: nowhere.db\n');
  await page.getByRole('button', { name: 'Check' }).click();
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('heading', { name: 'lost' })).toBeVisible();
  await page.getByRole('button', { name: 'Test lost' }).click();
  await expect(page.getByRole('alert').first()).toContainText('nowhere.db');
  await page.getByRole('link', { name: 'Edit' }).click();
  await page.getByRole('button', { name: 'Remove' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await expect(page.getByRole('heading', { name: 'Connections' })).toBeVisible();
  await expect(page.getByRole('link', { name: 'lost' })).toHaveCount(0);
});

test('another’s change is not written over', async ({ signedIn: page, context }) => {
  const headers = { 'x-dataux-console': '1', 'content-type': 'application/yaml' };
  const role = (what: string) => `apiVersion: dataux/v1\nkind: Role\nname: stale\nspec:\n  description: ${what}\n`;
  await context.request.post(`${url()}/api/v1/apply`, { headers, data: role('first') });
  await page.goto(`${url()}/console/edit/Role/stale`);
  const document = page.getByRole('textbox', { name: 'YAML document' });
  await expect(document).toContainText('first');
  await context.request.post(`${url()}/api/v1/apply`, { headers, data: role('second') });
  await paste(page, role('third'));
  await page.getByRole('button', { name: 'Check' }).click();
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('alert')).toContainText('has changed it since');
  const now = await context.request.get(`${url()}/api/v1/resources/Role/stale`, { headers: { 'x-dataux-console': '1' } });
  expect((await now.json()).spec.description).toBe('second');
});
