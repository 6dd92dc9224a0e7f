import { expect, signIn, test, url } from './scene';
import { dataux, password } from './server';

test('signing in with a password, and out again', async ({ watched: page, context }) => {
  await page.goto(`${url()}/console/catalog?q=flights`);
  await page.getByRole('textbox', { name: 'User' }).fill('admin');
  await page.locator('input[type=password]').fill('wrong password');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await expect(page.getByRole('alert')).toBeVisible();
  await expect(page.getByRole('textbox', { name: 'User' })).toHaveValue('admin');
  await page.locator('input[type=password]').fill(password);
  await page.keyboard.press('Enter');
  // A link leads where it should, once one is signed in.
  await expect(page.getByRole('link', { name: 'lake.dwd.flights', exact: true })).toBeVisible();
  const cookie = (await context.cookies()).find(({ name }) => name === 'dataux_session');
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict', path: '/' });
  expect(await page.evaluate(() => document.cookie + JSON.stringify({ ...localStorage, ...sessionStorage }))).not.toContain(
    'dts_',
  );
  await page.getByRole('button', { name: 'Account of admin' }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await expect(page.getByRole('textbox', { name: 'User' })).toBeVisible();
  const after = await context.request.get(`${url()}/api/v1/whoami`, {
    headers: { 'x-dataux-console': '1', cookie: `dataux_session=${cookie?.value}` },
  });
  expect(after.status(), 'the session has ended on the server as well').toBe(401);
});

test('a token signs in, and still works for its program after signing out', async ({ watched: page, context }) => {
  const token = dataux('token', 'create', '--home', process.env.CONSOLE_HOME ?? '', '--user', 'ana').trim();
  await page.goto(url());
  await page.getByRole('button', { name: 'Sign in with a token instead' }).click();
  await page.getByRole('textbox', { name: 'Token' }).fill(token);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await expect(page.getByRole('heading', { name: 'Welcome, ana' })).toBeVisible();
  await page.getByRole('button', { name: 'Account of ana' }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await expect(page.getByRole('button', { name: 'Sign in', exact: true })).toBeVisible();
  const program = await context.request.get(`${url()}/api/v1/whoami`, { headers: { authorization: `Bearer ${token}` } });
  expect(program.status()).toBe(200);
});

test('the cookie is nobody’s without the console’s header', async ({ context }) => {
  await signIn(context);
  const bare = await context.request.get(`${url()}/api/v1/whoami`);
  expect(bare.status(), 'a page elsewhere could have sent this').toBe(401);
  const ours = await context.request.get(`${url()}/api/v1/whoami`, { headers: { 'x-dataux-console': '1' } });
  expect(ours.status()).toBe(200);
});

test('what was not granted is nowhere: not in a page, an answer, an address or a store', async ({ watched: page, context }) => {
  const secret = 'horse staple battery correct';
  await signIn(context);
  const headers = { 'x-dataux-console': '1' };
  expect(
    (await context.request.put(`${url()}/api/v1/users/ana/password`, { headers, data: { password: secret } })).status(),
  ).toBe(204);
  await context.clearCookies();
  await signIn(context, 'ana', secret);
  const answers: Promise<string>[] = [];
  page.on('response', response => response.url().includes('/api/') && answers.push(response.text().catch(() => '')));
  for (const path of ['', 'catalog', 'query', 'pipelines', 'quarantine', 'services', 'connections', 'security', 'system']) {
    await page.goto(`${url()}/console/${path}`);
    await expect(page.locator('main h1')).toBeAttached();
    await page.waitForLoadState('networkidle');
    expect(await page.content(), path).not.toMatch(/lake\.dwd|tailnum-of-the-registry/);
  }
  for (const answer of await Promise.all(answers)) expect(answer).not.toMatch(/lake\.dwd|tailnum-of-the-registry/);
  expect(await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }))).not.toContain('lake.dwd');
  // She is told no more of a table that she may not see than of one that is not there.
  await page.goto(`${url()}/console/catalog/lake.dwd.flights`);
  await expect(page.getByRole('alert')).toBeVisible();
  await page.goto(`${url()}/console/catalog`);
  await expect(page.getByRole('link', { name: 'lake.ads.worst_days', exact: true })).toBeVisible();
});
