import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const binary = process.env.DATAUX ?? join(import.meta.dirname, '../../../bin/dataux');

/** The first administrator's password on the tests' platform. */
export const password = 'correct horse battery staple';

/** Longest time until a server listens, in milliseconds. */
const startWithin = 60_000;

/** The environment without what would lead commands elsewhere. */
function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(DATAUX_|DATABASE_|REDIS_|PORT$|LANG$|LC_)/.test(name));
  return { ...Object.fromEntries(kept), DATAUX_ADMIN_PASSWORD: password };
}

/** Runs a command and answers what it printed. */
export function dataux(...words: string[]): string {
  return execFileSync(binary, words, { encoding: 'utf8', env: environment(), stdio: ['ignore', 'pipe', 'pipe'] });
}

/** A server on a home; on a free port, or on one that was free before. */
export async function serve(
  home: string,
  listen = '127.0.0.1:0',
): Promise<{ url: string; stop: (signal?: NodeJS.Signals) => Promise<void> }> {
  const child: ChildProcess = spawn(binary, ['serve', '--home', home, '--listen', listen], {
    env: environment(),
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const url = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the server does not listen')), startWithin);
    child.once('exit', code => reject(new Error(`the server ended with ${code}`)));
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', line => {
      const found = /listening on (\S+)/.exec(line);
      if (!found?.[1]) return;
      clearTimeout(timer);
      resolve(found[1].replace(/\/$/, ''));
    });
  });
  const stop = (signal: NodeJS.Signals = 'SIGTERM') =>
    new Promise<void>(resolve => {
      if (child.exitCode !== null) return resolve();
      child.once('exit', () => resolve());
      child.kill(signal);
    });
  return { url, stop };
}

/** Builds the example once and serves it to all tests. */
export default async function setup() {
  if (!existsSync(binary)) throw new Error('bin/dataux is missing: run make build');
  const home = mkdtempSync(join(tmpdir(), 'dataux-console.'));
  dataux('demo', '--home', home, '--once');
  const { url, stop } = await serve(home);
  process.env.CONSOLE_URL = url;
  process.env.CONSOLE_HOME = home;
  return async () => {
    await stop();
    rmSync(home, { recursive: true, force: true });
  };
}
