import { Anchor, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, ask, plain } from '../api/client';
import { Problem } from '../api/problem';
import { useT } from '../app/locale';
import { Commands } from '../ui/form/Commands';
import { Notice } from '../ui/form/Notice';
import { curl } from '../ui/form/shell';
import { useFormat } from '../ui/format/useFormat';
import { Facts } from '../ui/page/Facts';
import { List } from '../ui/page/List';
import { Page } from '../ui/page/Page';
import { Panel } from '../ui/page/Panel';
import { Asked } from '../ui/state/Asked';
import { Loading } from '../ui/state/Loading';
import { ProblemView } from '../ui/state/ProblemView';
import { one, read } from './metrics';

/** How often the numbers are asked for, in milliseconds. */
const askEvery = 5_000;

export function SystemPage() {
  const t = useT();
  const format = useFormat();
  const [words, setWords] = useState('');
  const health = useQuery({ queryKey: ['healthz'], queryFn: () => ask(api.GET('/healthz')), refetchInterval: askEvery });
  const ready = useQuery({
    queryKey: ['readyz'],
    queryFn: () => ask(api.GET('/readyz')),
    refetchInterval: askEvery,
    retry: false,
  });
  const metrics = useQuery({
    queryKey: ['metrics'],
    queryFn: async () => read(await (await plain('/metrics')).text()),
    refetchInterval: askEvery,
  });
  const value = (name: string) => one(metrics.data ?? [], name);
  return (
    <Page
      title={t('app.nav.system')}
      lead={t('system.lead')}
      actions={
        <Commands
          lines={[
            ['health', curl('GET', '/readyz')],
            ['metrics', curl('GET', '/metrics')],
          ]}
        />
      }
    >
      <Panel title={t('system.health')}>
        {ready.error ? (
          <ProblemView problem={Problem.of(ready.error)} again={() => ready.refetch()} />
        ) : ready.data ? (
          <Notice>{t('system.ready')}</Notice>
        ) : (
          <Loading rows={1} />
        )}
        <div style={{ height: '1rem' }} />
        <Facts
          facts={[
            [t('system.version'), health.data?.version],
            [t('system.uptime'), metrics.data && format.duration((value('dataux_uptime_seconds') ?? 0) * 1000)],
            [t('system.memory'), value('dataux_process_memory_bytes') && format.bytes(value('dataux_process_memory_bytes') ?? 0)],
            [t('system.queryMemory'), metrics.data && format.bytes(value('dataux_query_memory_bytes') ?? 0)],
            [t('system.requests'), metrics.data && format.number(value('dataux_http_requests_total') ?? 0)],
            [t('system.statements'), metrics.data && format.number(value('dataux_statements_total') ?? 0)],
            [t('system.rows'), metrics.data && format.number(value('dataux_statement_rows_total') ?? 0)],
            [
              'API',
              <Anchor key="api" href="/api/openapi.json" target="_blank" size="sm">
                openapi.json
              </Anchor>,
            ],
          ]}
        />
      </Panel>
      <Panel
        title={t('system.metrics')}
        lead={t('system.metricsLead')}
        flush
        actions={
          <TextInput
            size="xs"
            aria-label={t('system.search')}
            placeholder={t('system.search')}
            value={words}
            onChange={event => setWords(event.currentTarget.value)}
          />
        }
      >
        <Asked query={metrics}>
          {samples => (
            <List
              label={t('system.metrics')}
              rows={samples
                .filter(
                  ({ name, labels }) =>
                    !name.endsWith('_bucket') && `${name} ${labels}`.toLowerCase().includes(words.trim().toLowerCase()),
                )
                .slice(0, 200)}
              id={({ name, labels }) => name + labels}
              fields={[
                { head: t('system.metric'), cell: ({ name, help }) => <span title={help}>{name}</span> },
                { head: t('system.labels'), cell: ({ labels }) => labels && <code>{labels}</code> },
                { head: t('system.value'), number: true, cell: sample => format.number(Math.round(sample.value * 1000) / 1000) },
              ]}
            />
          )}
        </Asked>
      </Panel>
    </Page>
  );
}
