import { NativeSelect, SegmentedControl } from '@mantine/core';
import { lazy, Suspense, useMemo, useState } from 'react';
import type { Rows } from '../api/rows';
import { useT } from '../app/locale';
import { Loading } from '../ui/state/Loading';
import classes from './ChartView.module.css';
import { choice, pointsMax, seriesOf } from './series';

const Chart = lazy(() => import('../ui/chart/Chart').then(module => ({ default: module.Chart })));

/** An answer drawn: which column names, which one counts. */
export function ChartView({ rows }: { rows: Rows }) {
  const t = useT();
  const first = choice(rows);
  const [name, setName] = useState(first?.name ?? 0);
  const [value, setValue] = useState(first?.value ?? 0);
  const [kind, setKind] = useState<'bar' | 'line'>('bar');
  const series = useMemo(() => seriesOf(rows, name, value), [rows, name, value]);
  if (!first) return <p className={classes.none}>{t('query.chart.none')}</p>;
  const columns = rows.columns.map((column, index) => ({ value: String(index), label: column.name }));
  const label = t('query.chart.label', { value: rows.columns[value]?.name, name: rows.columns[name]?.name });
  return (
    <div className={classes.box}>
      <div className={classes.choices}>
        <SegmentedControl
          size="xs"
          aria-label={t('query.chart')}
          value={kind}
          onChange={next => setKind(next as typeof kind)}
          data={(['bar', 'line'] as const).map(one => ({ value: one, label: t(`query.chart.${one}`) }))}
        />
        <NativeSelect
          size="xs"
          aria-label={t('query.chart.value')}
          value={value}
          data={columns.filter((_, index) => rows.columns[index]?.number)}
          onChange={event => setValue(Number(event.currentTarget.value))}
        />
        <NativeSelect
          size="xs"
          aria-label={t('query.chart.name')}
          value={name}
          data={columns}
          onChange={event => setName(Number(event.currentTarget.value))}
        />
        {rows.count > pointsMax && <span>{t('query.chart.first', { count: pointsMax })}</span>}
      </div>
      <Suspense fallback={<Loading rows={4} />}>
        <Chart label={label} kind={kind} names={series.names} values={series.values} unit={rows.columns[value]?.name ?? ''} />
      </Suspense>
    </div>
  );
}
