import createClient from 'openapi-fetch';
import { Problem } from './problem';
import type { components, paths } from './schema';

/** The API's types by name. */
export type Schemas = components['schemas'];

/** Without this header the session's cookie is nobody's. */
export const consoleHeader = { 'x-dataux-console': '1' };

let language = 'en';
let expired: () => void = () => {};

/** The language that errors are told in. */
export function speak(locale: string) {
  language = locale;
}

/** What to do when the session has ended. */
export function onExpired(act: () => void) {
  expired = act;
}

/** The headers of every request. */
export function headers(): Record<string, string> {
  return { ...consoleHeader, 'accept-language': language };
}

/** The typed client; its answers go through `ask`. */
export const api = createClient<paths>({ baseUrl: '/', fetch: request => fetch(request) });
api.use({
  onRequest({ request }) {
    for (const [name, value] of Object.entries(headers())) request.headers.set(name, value);
    return request;
  },
});

/** The data of an answer, or its problem. */
export async function ask<T>(answer: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await answer.catch(thrown => {
    throw Problem.of(thrown);
  });
  if (!response.ok) throw failed(response.status, error);
  return data as T;
}

/** A plain request for what has no type: streams, and data services. */
export async function plain(path: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(path, { ...init, headers: { ...headers(), ...(init.headers as Record<string, string>) } }).catch(
    thrown => {
      throw thrown instanceof DOMException ? thrown : Problem.of(thrown);
    },
  );
  if (response.ok) return response;
  throw failed(response.status, await response.json().catch(() => null));
}

function failed(status: number, body: unknown): Problem {
  const problem = Problem.from(status, body);
  if (status === 401 && problem.code !== 'login_refused') expired();
  return problem;
}
