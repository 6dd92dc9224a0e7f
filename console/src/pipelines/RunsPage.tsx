import { Button, NativeSelect } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { api, ask } from '../api/client';
import { Problem } from '../api/problem';
import * as questions from '../api/questions';
import { useT } from '../app/locale';
import { Commands } from '../ui/form/Commands';
import { curl } from '../ui/form/shell';
import { Page } from '../ui/page/Page';
import { Panel } from '../ui/page/Panel';
import { Loading } from '../ui/state/Loading';
import { ProblemView } from '../ui/state/ProblemView';
import { RunList } from './RunList';
import { Tabs } from './Tabs';

const states = ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const;

export function RunsPage() {
  const t = useT();
  const { pipeline, state } = useSearch({ from: '/runs' });
  const navigate = useNavigate({ from: '/runs' });
  const pipelines = useQuery(questions.resources('Pipeline'));
  const runs = useInfiniteQuery({
    queryKey: ['runs', 'all', pipeline, state],
    queryFn: ({ pageParam }) =>
      ask(api.GET('/api/v1/runs', { params: { query: { pipeline, state, after: pageParam, limit: 100 } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: page => page.next ?? undefined,
    refetchInterval: 5_000,
  });
  const query = new URLSearchParams(
    Object.entries({ pipeline, state }).filter((entry): entry is [string, string] => entry[1] !== undefined),
  ).toString();
  return (
    <Page
      title={t('pipelines.tab.runs')}
      lead={t('pipelines.runsLead')}
      actions={
        <Commands
          lines={[
            ['dataux', 'dataux runs'],
            ['curl', curl('GET', `/api/v1/runs${query && `?${query}`}`)],
          ]}
        />
      }
    >
      <Tabs />
      <Panel
        title={t('pipelines.tab.runs')}
        flush
        actions={
          <>
            <NativeSelect
              size="xs"
              aria-label={t('pipelines.pipeline')}
              value={pipeline ?? ''}
              onChange={event => navigate({ search: { state, pipeline: event.currentTarget.value || undefined }, replace: true })}
              data={[
                { value: '', label: t('pipelines.allPipelines') },
                ...(pipelines.data?.items ?? []).map(({ name }) => ({ value: name, label: name })),
              ]}
            />
            <NativeSelect
              size="xs"
              aria-label={t('pipelines.state')}
              value={state ?? ''}
              onChange={event => navigate({ search: { pipeline, state: event.currentTarget.value || undefined }, replace: true })}
              data={[
                { value: '', label: t('pipelines.allStates') },
                ...states.map(value => ({ value, label: t(`ui.state.${value}`) })),
              ]}
            />
          </>
        }
      >
        {runs.error && <ProblemView problem={Problem.of(runs.error)} again={() => runs.refetch()} />}
        {runs.isPending && <Loading />}
        {runs.data && <RunList runs={runs.data.pages.flatMap(page => page.items)} />}
        {runs.hasNextPage && (
          <Button m="sm" size="xs" variant="default" loading={runs.isFetchingNextPage} onClick={() => runs.fetchNextPage()}>
            {t('ui.more')}
          </Button>
        )}
      </Panel>
    </Page>
  );
}
