import { type BrowserContext, test as base, expect, type Page } from '@playwright/test';
import { password } from './server';

export { expect };

/** Where the tests' platform is. */
export const url = () => process.env.CONSOLE_URL ?? '';

/** Signs a browser in through the API, as the sign-in page does. */
export async function signIn(context: BrowserContext, user = 'admin', secret = password) {
  const answer = await context.request.post(`${url()}/api/v1/sessions`, { data: { user, password: secret, cookie: true } });
  expect(answer.status(), await answer.text()).toBe(201);
}

/** A page of somebody who is signed in. Whatever the console writes as an error, and every request elsewhere, fails the test. */
export const test = base.extend<{ signedIn: Page; watched: Page }>({
  watched: async ({ page }, use) => {
    const wrong: string[] = [];
    page.on(
      'console',
      message => message.type() === 'error' && !/Failed to load resource/.test(message.text()) && wrong.push(message.text()),
    );
    page.on('pageerror', error => wrong.push(String(error)));
    page.on(
      'request',
      request =>
        !/^(data|blob):/.test(request.url()) && !request.url().startsWith(url()) && wrong.push(`a request to ${request.url()}`),
    );
    await use(page);
    expect(wrong).toEqual([]);
  },
  signedIn: async ({ watched, context }, use) => {
    await signIn(context);
    await use(watched);
  },
});

/** Puts a text in the place of a document's, as pasting does; typing would have its lines indented and its brackets closed. */
export async function paste(page: Page, text: string) {
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.getByRole('textbox', { name: 'YAML document' }).click();
  await page.keyboard.press('Control+a');
  await page.evaluate(words => navigator.clipboard.writeText(words), text);
  await page.keyboard.press('Control+v');
}
