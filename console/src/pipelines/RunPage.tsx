import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { lazy, Suspense, useMemo } from 'react';
import { api, ask } from '../api/client';
import { Problem } from '../api/problem';
import * as questions from '../api/questions';
import { useT } from '../app/locale';
import { Commands } from '../ui/form/Commands';
import { curl } from '../ui/form/shell';
import { Moment } from '../ui/format/Moment';
import { useFormat } from '../ui/format/useFormat';
import { Facts } from '../ui/page/Facts';
import { Page } from '../ui/page/Page';
import { Panel } from '../ui/page/Panel';
import { StateBadge } from '../ui/page/StateBadge';
import { Asked } from '../ui/state/Asked';
import { Loading } from '../ui/state/Loading';
import { ProblemView } from '../ui/state/ProblemView';
import { Log } from './Log';
import { RunActs } from './RunActs';
import { RunProgress } from './RunProgress';
import { live } from './run';
import { StepList } from './StepList';

const GraphView = lazy(() => import('../ui/graph/GraphView').then(module => ({ default: module.GraphView })));

/** How often a run that works is looked at, in milliseconds. */
const lookEvery = 1_000;

export function RunPage() {
  const t = useT();
  const format = useFormat();
  const navigate = useNavigate({ from: '/runs/$id' });
  const { id } = useParams({ from: '/runs/$id' });
  const { step, level } = useSearch({ from: '/runs/$id' });
  const run = useQuery({
    queryKey: ['runs', id],
    queryFn: () => ask(api.GET('/api/v1/runs/{id}', { params: { path: { id } } })),
    refetchInterval: query => (query.state.data && live(query.state.data.state) ? lookEvery : false),
  });
  const graph = useQuery({ ...questions.graph(run.data?.pipeline ?? ''), enabled: run.data !== undefined });
  const steps = run.data?.steps;
  const nodes = useMemo(
    () =>
      (steps ?? []).map(({ step: name, state, rows }) => ({
        id: name,
        kind: graph.data?.steps.find(one => one.name === name)?.verb ?? '',
        state,
        note: rows > 0 ? format.number(rows) : '',
      })),
    [steps, graph.data, format],
  );
  const edges = useMemo(
    () => (graph.data?.steps ?? []).flatMap(({ name, before }) => before.map((one): [string, string] => [one, name])),
    [graph.data],
  );
  const choose = (name: string | undefined) =>
    navigate({ search: { step: name === step ? undefined : name, level }, replace: true, resetScroll: false });

  return (
    <Page
      title={run.data ? t('pipelines.runOf', { name: run.data.pipeline }) : t('pipelines.theRun')}
      above={
        <>
          <Link to="/runs" search={{}}>
            {t('pipelines.tab.runs')}
          </Link>
          {run.data && (
            <Link to="/pipelines/$name" params={{ name: run.data.pipeline }} search={{}}>
              {run.data.pipeline}
            </Link>
          )}
        </>
      }
      lead={
        run.data && (
          <>
            <StateBadge state={run.data.state} /> <code>{id}</code>
          </>
        )
      }
      actions={
        run.data && (
          <>
            <RunActs run={run.data} />
            <Commands
              lines={[
                ['dataux', `dataux logs ${id}`],
                ['curl', curl('GET', `/api/v1/runs/${id}`)],
              ]}
            />
          </>
        )
      }
    >
      <Asked query={run}>
        {data => (
          <>
            {data.error && <ProblemView problem={Problem.from(0, data.error)} />}
            <Panel>
              <Facts
                facts={[
                  [t('pipelines.started'), <Moment key="s" at={data.started_at ?? data.created_at} />],
                  [t('pipelines.took'), format.between(data.started_at, data.finished_at)],
                  [t('pipelines.rowsIn'), format.number(data.steps.reduce((sum, one) => sum + one.rows, 0))],
                  [t('pipelines.bytesRead'), format.bytes(data.steps.reduce((sum, one) => sum + one.bytes, 0))],
                  [
                    t('pipelines.quarantined'),
                    <Quarantined key="q" count={data.steps.reduce((sum, one) => sum + one.rejected, 0)} />,
                  ],
                  [t('pipelines.instance'), data.instance && format.moment(data.instance)],
                  [t('pipelines.by'), data.created_by],
                ]}
              />
              {live(data.state) && <RunProgress run={data} />}
            </Panel>
            <Panel title={t('pipelines.graph')} flush>
              {graph.error ? (
                <ProblemView problem={Problem.of(graph.error)} />
              ) : (
                <Suspense fallback={<Loading rows={4} />}>
                  {graph.data && <GraphView label={t('pipelines.graph')} nodes={nodes} edges={edges} open={choose} />}
                </Suspense>
              )}
            </Panel>
            <StepList run={data} chosen={step} choose={choose} />
            <Log
              run={id}
              live={live(data.state)}
              step={step}
              level={level}
              steps={data.steps.map(one => one.step)}
              set={change => navigate({ search: { step, level, ...change }, replace: true, resetScroll: false })}
            />
          </>
        )}
      </Asked>
    </Page>
  );
}

function Quarantined({ count }: { count: number }) {
  const format = useFormat();
  return count === 0 ? '0' : <Link to="/quarantine">{format.number(count)}</Link>;
}
