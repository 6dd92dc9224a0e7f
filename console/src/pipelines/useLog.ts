import { useEffect, useState } from 'react';
import { api, ask, type Schemas } from '../api/client';
import { Problem } from '../api/problem';

type Line = Schemas['LogLine'];

/** How often a log that grows is asked for more, in milliseconds. */
const askEvery = 1_000;

/** Reads a log from its beginning, then what is added while the run works. A lost connection is tried again by itself. */
export function useLog(run: string, live: boolean) {
  const [lines, setLines] = useState<Line[]>([]);
  const [problem, setProblem] = useState<Problem>();
  const [attempt, setAttempt] = useState(0);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another attempt is a reason to ask
  useEffect(() => {
    let current = true;
    let timer = 0;
    let after = 0;
    setLines([]);
    const read = async () => {
      try {
        const page = await ask(api.GET('/api/v1/runs/{id}/logs', { params: { path: { id: run }, query: { after } } }));
        if (!current) return;
        setProblem(undefined);
        const last = page.items.at(-1);
        if (last) {
          after = last.seq;
          setLines(before => [...before, ...page.items]);
        }
        if (last) timer = window.setTimeout(read, page.items.length >= 1000 ? 0 : askEvery);
        else if (live) timer = window.setTimeout(read, askEvery);
      } catch (thrown) {
        if (!current) return;
        const failed = Problem.of(thrown);
        setProblem(failed);
        if (failed.retry) timer = window.setTimeout(read, 3 * askEvery);
      }
    };
    read();
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [run, live, attempt]);

  return { lines, problem, again: () => setAttempt(attempt + 1) };
}
