import { useCallback, useEffect, useRef, useState } from 'react';
import { Problem } from '../api/problem';
import { type Rows, runSql } from '../api/rows';

/** How a statement stands. */
export interface Statement {
  sql: string;
  state: 'running' | 'done' | 'cancelled' | 'failed';
  /** By the clock of `performance`. */
  began: number;
  /** When the first rows were there. */
  first?: number;
  ended?: number;
  rows?: Rows;
  problem?: Problem;
}

/** Draws at most so often while rows come, in milliseconds. */
const drawEvery = 120;

/** Runs one statement at a time; a new one cancels the one before. */
export function useStatement(ended: (statement: Statement) => void) {
  const [statement, setStatement] = useState<Statement>();
  const [version, setVersion] = useState(0);
  const running = useRef<AbortController>(null);
  const tell = useRef(ended);
  tell.current = ended;

  useEffect(() => () => running.current?.abort(), []);

  const run = useCallback(async (sql: string, parameters: Record<string, unknown>) => {
    running.current?.abort();
    const controller = new AbortController();
    running.current = controller;
    const now: Statement = { sql, state: 'running', began: performance.now() };
    setStatement({ ...now });
    let drawn = 0;
    const more = (rows: Rows) => {
      if (rows.count > 0) now.first ??= performance.now();
      now.rows = rows;
      if (performance.now() - drawn < drawEvery || controller.signal.aborted) return;
      drawn = performance.now();
      setStatement({ ...now });
      setVersion(before => before + 1);
    };
    try {
      now.rows = await runSql({ sql, parameters, signal: controller.signal, more });
      now.state = 'done';
    } catch (thrown) {
      if (controller.signal.aborted) now.state = 'cancelled';
      else {
        now.state = 'failed';
        now.problem = Problem.of(thrown);
      }
    }
    now.ended = performance.now();
    if (running.current === controller) {
      running.current = null;
      setStatement({ ...now });
      setVersion(before => before + 1);
    }
    tell.current(now);
  }, []);

  const cancel = useCallback(() => running.current?.abort(), []);
  return { statement, version, run, cancel };
}
