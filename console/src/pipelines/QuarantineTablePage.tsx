import { Group } from '@mantine/core';
import { IconShieldCheck } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams, useSearch } from '@tanstack/react-router';
import { api, ask } from '../api/client';
import { useT } from '../app/locale';
import { Commands } from '../ui/form/Commands';
import { curl, quoted } from '../ui/form/shell';
import { Moment } from '../ui/format/Moment';
import { LinkButton } from '../ui/page/LinkButton';
import { List } from '../ui/page/List';
import { Page } from '../ui/page/Page';
import { Panel } from '../ui/page/Panel';
import { Asked } from '../ui/state/Asked';
import { EmptyView } from '../ui/state/EmptyView';
import { HeldActs } from './HeldActs';
import classes from './QuarantineTablePage.module.css';
import { decoded } from './raw';

interface Held {
  run?: string;
  step?: string;
  at?: string;
  cause?: string;
  message?: string;
  position?: string;
  raw?: string;
}

/** Records shown at once. */
const shownMax = 200;

export function QuarantineTablePage() {
  const t = useT();
  const { table } = useParams({ from: '/quarantine/$table' });
  const { run, cause } = useSearch({ from: '/quarantine/$table' });
  const held = useQuery({
    queryKey: ['quarantine', table, run, cause],
    queryFn: () =>
      ask(api.GET('/api/v1/quarantine/{name}', { params: { path: { name: table }, query: { run, cause, limit: shownMax } } })),
  });
  const query = new URLSearchParams(
    Object.entries({ run, cause }).filter((entry): entry is [string, string] => entry[1] !== undefined),
  ).toString();
  return (
    <Page
      title={t('pipelines.heldOf', { table })}
      above={<Link to="/quarantine">{t('pipelines.tab.quarantine')}</Link>}
      lead={
        (run || cause) && (
          <Group gap="xs">
            {cause && <code>{cause}</code>}
            {run && <code>{run}</code>}
            <LinkButton to="/quarantine/$table" params={{ table }} search={{}} size="compact-xs" variant="default">
              {t('pipelines.showAll')}
            </LinkButton>
          </Group>
        )
      }
      actions={
        <>
          <HeldActs table={table} run={run} cause={cause} />
          <Commands
            lines={[
              ['dataux', `dataux quarantine show ${quoted(table)}`],
              ['curl', curl('GET', `/api/v1/quarantine/${encodeURIComponent(table)}${query && `?${query}`}`)],
            ]}
          />
        </>
      }
    >
      <Asked query={held}>
        {page => {
          const records = (page as { items?: Held[] }).items ?? [];
          if (records.length === 0) return <EmptyView icon={IconShieldCheck} title={t('pipelines.clean.title')} />;
          return (
            <Panel title={t('pipelines.heldRecords')} lead={t('pipelines.newestFirst', { count: records.length })} flush>
              <List
                label={t('pipelines.heldRecords')}
                rows={records.map((record, index) => ({ ...record, index }))}
                id={({ index }) => String(index)}
                fields={[
                  { head: t('pipelines.cause'), cell: record => <code>{record.cause}</code> },
                  { head: t('pipelines.why'), cell: record => record.message },
                  {
                    head: t('pipelines.raw'),
                    cell: record => (
                      <details className={classes.raw}>
                        <summary>{decoded(record.raw).slice(0, 80)}</summary>
                        <pre>{decoded(record.raw)}</pre>
                      </details>
                    ),
                  },
                  { head: t('pipelines.position'), extra: true, cell: record => record.position },
                  { head: t('pipelines.when'), extra: true, narrow: true, cell: record => <Moment at={record.at} /> },
                  {
                    head: t('pipelines.theRun'),
                    extra: true,
                    cell: record =>
                      record.run && (
                        <Link to="/runs/$id" params={{ id: record.run }} search={{ step: record.step }}>
                          {record.step}
                        </Link>
                      ),
                  },
                ]}
              />
            </Panel>
          );
        }}
      </Asked>
    </Page>
  );
}
