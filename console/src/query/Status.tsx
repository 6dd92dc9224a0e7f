import { useEffect, useReducer } from 'react';
import { useT } from '../app/locale';
import { useFormat } from '../ui/format/useFormat';
import classes from './Status.module.css';
import type { Statement } from './useStatement';

/** How far it is: rows, bytes, time; the first rows' time once they were there. */
export function Status({ statement }: { statement: Statement }) {
  const t = useT();
  const format = useFormat();
  const [, tick] = useReducer((count: number) => count + 1, 0);
  const { state, began, first, ended, rows } = statement;
  useEffect(() => {
    if (state !== 'running') return;
    const timer = setInterval(tick, 250);
    return () => clearInterval(timer);
  }, [state]);
  const facts = [
    rows && t('query.status.rows', { rows: rows.count }),
    format.duration((ended ?? performance.now()) - began),
    rows && rows.bytes > 0 && format.bytes(rows.bytes),
    first !== undefined && t('query.status.first', { time: format.duration(first - began) }),
  ];
  return (
    <div className={classes.status} role="status">
      <strong data-state={state}>{t(`query.state.${state}`)}</strong>
      {facts.filter(Boolean).map(fact => (
        <span key={String(fact)}>{fact}</span>
      ))}
    </div>
  );
}
