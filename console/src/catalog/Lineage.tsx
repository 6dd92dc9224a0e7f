import { IconArrowRight, IconSitemap } from '@tabler/icons-react';
import { useQueries, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import * as questions from '../api/questions';
import { useT } from '../app/locale';
import { Panel } from '../ui/page/Panel';
import { Asked } from '../ui/state/Asked';
import { EmptyView } from '../ui/state/EmptyView';
import { Loading } from '../ui/state/Loading';
import classes from './Lineage.module.css';
import { neighbours } from './neighbours';

/** One hop: the steps that write this table and what they read, the steps that read it and what they write. */
export function Lineage({ table }: { table: string }) {
  const t = useT();
  const pipelines = useQuery(questions.resources('Pipeline'));
  const names = pipelines.data?.items.map(({ name }) => name) ?? [];
  const graphs = useQueries({ queries: names.map(questions.graph) });
  const steps = graphs.flatMap(({ data }, index) => (data?.steps ?? []).map(step => ({ ...step, pipeline: names[index] ?? '' })));
  const { before, after } = neighbours(table, steps);
  const waiting = graphs.some(({ isPending }) => isPending);
  return (
    <Panel title={t('catalog.tab.lineage')} lead={t('catalog.lineageLead')}>
      <Asked query={pipelines}>
        {() => {
          if (waiting) return <Loading rows={3} />;
          if (before.length + after.length === 0) return <EmptyView icon={IconSitemap} title={t('catalog.noLineage')} />;
          return (
            <div className={classes.hops}>
              <Hop title={t('catalog.from')} hops={before} none={t('catalog.fromNothing')} />
              <IconArrowRight className={classes.arrow} aria-hidden />
              <div className={classes.self}>
                <bdi>{table}</bdi>
              </div>
              <IconArrowRight className={classes.arrow} aria-hidden />
              <Hop title={t('catalog.to')} hops={after} none={t('catalog.toNothing')} />
            </div>
          );
        }}
      </Asked>
    </Panel>
  );
}

function Hop({ title, hops, none }: { title: string; hops: ReturnType<typeof neighbours>['before']; none: string }) {
  return (
    <section className={classes.hop}>
      <h3>{title}</h3>
      {hops.length === 0 && <p>{none}</p>}
      {hops.map(({ pipeline, step, tables }) => (
        <div key={`${pipeline}/${step}`} className={classes.step}>
          <Link to="/pipelines/$name" params={{ name: pipeline }} search={{}}>
            {pipeline}/{step}
          </Link>
          <ul>
            {tables
              .filter(table => !table.endsWith('__quarantine'))
              .map(table => (
                <li key={table}>
                  <Link to="/catalog/$table" params={{ table }} search={{ tab: 'lineage' }}>
                    <bdi>{table}</bdi>
                  </Link>
                </li>
              ))}
          </ul>
        </div>
      ))}
    </section>
  );
}
