import { Button, SegmentedControl } from '@mantine/core';
import { IconTable } from '@tabler/icons-react';
import { useState } from 'react';
import { bytesMax } from '../api/rows';
import { useT } from '../app/locale';
import { useFormat } from '../ui/format/useFormat';
import { Grid } from '../ui/grid/Grid';
import { EmptyView } from '../ui/state/EmptyView';
import { Loading } from '../ui/state/Loading';
import { ProblemView } from '../ui/state/ProblemView';
import { ChartView } from './ChartView';
import { Plan } from './Plan';
import classes from './Results.module.css';
import { Status } from './Status';
import type { Statement } from './useStatement';

/** Rows as they come; whatever ended them early is said above them. */
export function Results({
  statement,
  version,
  example,
}: {
  statement: Statement | undefined;
  version: number;
  example: () => void;
}) {
  const t = useT();
  const format = useFormat();
  const [view, setView] = useState<'rows' | 'chart'>('rows');
  if (!statement) {
    return (
      <div className={classes.box}>
        <EmptyView icon={IconTable} title={t('query.empty.title')} text={t('query.empty.text')}>
          <Button variant="light" size="xs" onClick={example}>
            {t('query.empty.example')}
          </Button>
        </EmptyView>
      </div>
    );
  }
  const { state, rows, problem } = statement;
  const planned = /^EXPLAIN\b/i.test(statement.sql) && rows?.columns[0]?.name === 'plan_type';
  return (
    <div className={classes.box}>
      <div className={classes.head}>
        <Status statement={statement} />
        {rows && rows.count > 0 && !planned && state !== 'running' && (
          <SegmentedControl
            size="xs"
            aria-label={t('query.view')}
            value={view}
            onChange={next => setView(next as typeof view)}
            data={(['rows', 'chart'] as const).map(one => ({ value: one, label: t(`query.view.${one}`) }))}
          />
        )}
      </div>
      {problem && <ProblemView problem={problem} />}
      {state === 'cancelled' && <p className={classes.note}>{t('query.cancelled')}</p>}
      {rows?.full && <p className={classes.note}>{t('query.full', { size: format.bytes(bytesMax) })}</p>}
      {!rows && state === 'running' && <Loading rows={6} />}
      {rows && planned && <Plan rows={rows} />}
      {rows &&
        !planned &&
        rows.count > 0 &&
        (view === 'chart' && state !== 'running' ? (
          <ChartView key={version} rows={rows} />
        ) : (
          <Grid label={t('query.results')} source={rows} version={version} fill />
        ))}
      {rows && rows.count === 0 && state === 'running' && <Loading rows={6} />}
      {rows && rows.count === 0 && state === 'done' && <EmptyView icon={IconTable} title={t('query.noRows')} />}
    </div>
  );
}
