import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, signIn, test, url } from './scene';
import { dataux, serve } from './server';

test('the page may load nothing from elsewhere and is not kept; files are kept, and those that are gone are missed', async ({
  request,
}) => {
  for (const path of ['/', '/console/', '/console/runs/some.where']) {
    const page = await request.get(url() + path);
    expect(page.status(), path).toBe(200);
    expect(page.headers()['cache-control']).toBe('no-store');
    const policy = page.headers()['content-security-policy'] ?? '';
    expect(policy).toContain("default-src 'self'");
    expect(policy).not.toMatch(/unsafe|\*|http/);
    const nonce = /'nonce-([0-9a-f]{64})'/.exec(policy)?.[1] ?? 'none';
    expect(await page.text()).toContain(`nonce="${nonce}"`);
    expect(await page.text()).not.toContain('CSP_NONCE');
    expect(await (await request.get(url() + path)).text(), 'a nonce is used once').not.toContain(nonce);
  }
  const script = /src="(\/console\/assets\/[^"]+\.js)"/.exec(await (await request.get(url())).text())?.[1] ?? '';
  const file = await request.get(url() + script);
  expect(file.headers()).toMatchObject({
    'cache-control': 'public, max-age=31536000, immutable',
    'content-encoding': 'gzip',
    'content-type': 'text/javascript; charset=utf-8',
  });
  expect((await request.get(`${url()}/console/assets/index-gone.js`)).status()).toBe(404);
  expect((await request.get(`${url()}/console/assets/..%2findex.html`)).status()).toBe(404);
});

test('a server that was killed and started again under an open page loses nothing that was typed', async ({ page, context }) => {
  const home = mkdtempSync(join(tmpdir(), 'dataux-restart.'));
  dataux('init', '--home', home);
  const first = await serve(home);
  const answer = await context.request.post(`${first.url}/api/v1/sessions`, {
    data: { user: 'admin', password: 'correct horse battery staple', cookie: true },
  });
  expect(answer.status()).toBe(201);
  await page.goto(`${first.url}/console/query`);
  await page.getByRole('textbox', { name: 'SQL' }).click();
  await page.keyboard.type('select 42 as answer');
  await first.stop('SIGKILL');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(page.getByText('The server cannot be reached.').first()).toBeVisible();
  const second = await serve(home, first.url.replace('http://', ''));
  await expect(page.getByRole('textbox', { name: 'SQL' })).toContainText('select 42 as answer');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(page.getByRole('gridcell', { name: '42' })).toBeVisible();
  await second.stop();
  rmSync(home, { recursive: true, force: true });
});

test('pages with nothing in them say what belongs there', async ({ page, context }) => {
  const home = mkdtempSync(join(tmpdir(), 'dataux-empty.'));
  dataux('init', '--home', home);
  const server = await serve(home);
  await context.request.post(`${server.url}/api/v1/sessions`, {
    data: { user: 'admin', password: 'correct horse battery staple', cookie: true },
  });
  for (const [path, words] of [
    ['', 'First steps'],
    ['catalog', 'No tables yet'],
    ['connections', 'No connections yet'],
    ['pipelines', 'No pipelines yet'],
    ['runs', 'No runs'],
    ['quarantine', 'Nothing is in quarantine'],
    ['services', 'No data services yet'],
    ['security?tab=roles', 'No roles are declared'],
    ['security?tab=grants', 'Nothing is granted'],
    ['security?tab=tokens', 'No tokens'],
  ]) {
    await page.goto(`${server.url}/console/${path}`);
    await expect(page.getByRole('heading', { name: words }).first(), path).toBeVisible();
  }
  await server.stop();
  rmSync(home, { recursive: true, force: true });
});

test('a place that does not exist says so', async ({ signedIn: page, context }) => {
  await signIn(context);
  await page.goto(`${url()}/console/nowhere/at/all`);
  await expect(page.getByRole('heading', { name: 'There is no such page' })).toBeVisible();
  await page.goto(`${url()}/console/catalog/lake.no.such`);
  await expect(page.getByRole('alert')).toContainText('table_not_found');
});
