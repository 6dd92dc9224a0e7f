import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { lazy, Suspense, useMemo } from 'react';
import * as questions from '../api/questions';
import { useT } from '../app/locale';
import { List } from '../ui/page/List';
import { Panel } from '../ui/page/Panel';
import { Asked } from '../ui/state/Asked';
import { Loading } from '../ui/state/Loading';

const GraphView = lazy(() => import('../ui/graph/GraphView').then(module => ({ default: module.GraphView })));

/** The steps of a pipeline: drawn, and as a table. */
export function Steps({ pipeline }: { pipeline: string }) {
  const t = useT();
  const graph = useQuery(questions.graph(pipeline));
  const steps = graph.data?.steps;
  const nodes = useMemo(() => (steps ?? []).map(({ name, verb }) => ({ id: name, kind: verb })), [steps]);
  const edges = useMemo(
    () => (steps ?? []).flatMap(({ name, before }) => before.map((one): [string, string] => [one, name])),
    [steps],
  );
  return (
    <Asked query={graph}>
      {data => (
        <>
          <Panel title={t('pipelines.graph')} flush>
            <Suspense fallback={<Loading rows={4} />}>
              <GraphView label={t('pipelines.graph')} nodes={nodes} edges={edges} />
            </Suspense>
          </Panel>
          <Panel title={t('pipelines.part.steps')} lead={t('pipelines.stepCount', { count: data.steps.length })} flush>
            <List
              label={t('pipelines.part.steps')}
              rows={data.steps}
              id={({ name }) => name}
              fields={[
                { head: t('pipelines.step'), cell: ({ name }) => <strong>{name}</strong> },
                { head: t('pipelines.verb'), narrow: true, cell: ({ verb }) => <code>{verb}</code> },
                { head: t('pipelines.reads'), cell: ({ reads }) => <Tables names={reads} /> },
                {
                  head: t('pipelines.writes'),
                  cell: ({ writes }) => <Tables names={writes.filter(name => !name.endsWith('__quarantine'))} />,
                },
                { head: t('pipelines.waits'), extra: true, cell: ({ before }) => before.join(', ') },
              ]}
            />
          </Panel>
        </>
      )}
    </Asked>
  );
}

function Tables({ names }: { names: string[] }) {
  return names.map((name, index) => (
    <span key={name}>
      {index > 0 && ', '}
      <Link to="/catalog/$table" params={{ table: name }} search={{}}>
        {name}
      </Link>
    </span>
  ));
}
