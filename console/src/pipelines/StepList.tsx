import { Link } from '@tanstack/react-router';
import type { Schemas } from '../api/client';
import { Problem } from '../api/problem';
import { useT } from '../app/locale';
import { useFormat } from '../ui/format/useFormat';
import { List } from '../ui/page/List';
import { Panel } from '../ui/page/Panel';
import { StateBadge } from '../ui/page/StateBadge';
import { ProblemView } from '../ui/state/ProblemView';
import { bar, live, share } from './run';
import classes from './StepList.module.css';

interface Outcome {
  table?: string;
  version?: number;
  checks?: { check: string; failing: number; outcome: string }[];
}

/** What a step left; nothing until it is done. */
function outcome({ output }: Schemas['RunStep']): Outcome {
  return (output as { outcome?: Outcome } | null)?.outcome ?? {};
}

interface Props {
  run: Schemas['Run'];
  chosen: string | undefined;
  choose: (step: string | undefined) => void;
}

/** Each step: when it worked, what it took and wrote, what its checks found. */
export function StepList({ run, chosen, choose }: Props) {
  const t = useT();
  const format = useFormat();
  const from = Date.parse(run.started_at ?? run.created_at);
  const to = run.finished_at ? Date.parse(run.finished_at) : Date.now();
  const checks = run.steps.flatMap(step => (outcome(step).checks ?? []).map(check => ({ step: step.step, ...check })));
  return (
    <>
      <Panel title={t('pipelines.part.steps')} lead={t('pipelines.stepsLead')} flush>
        <List
          label={t('pipelines.part.steps')}
          rows={run.steps}
          id={({ step }) => step}
          fields={[
            {
              head: t('pipelines.step'),
              cell: ({ step, attempt }) => (
                <button type="button" className={classes.name} aria-pressed={chosen === step} onClick={() => choose(step)}>
                  {step}
                  {attempt > 1 && <span> ×{attempt}</span>}
                </button>
              ),
            },
            { head: t('pipelines.state'), narrow: true, cell: ({ state }) => <StateBadge state={state} /> },
            {
              head: t('pipelines.when'),
              extra: true,
              cell: step => (
                <Bar place={bar(step, from, to)} state={step.state} done={live(run.state) ? share(step) : undefined} />
              ),
            },
            {
              head: t('pipelines.took'),
              number: true,
              cell: ({ started_at, finished_at }) => format.between(started_at, finished_at),
            },
            { head: t('pipelines.rowsIn'), number: true, cell: ({ rows }) => format.number(rows) },
            {
              head: t('pipelines.bytesRead'),
              number: true,
              extra: true,
              cell: ({ bytes }) => (bytes > 0 ? format.bytes(bytes) : ''),
            },
            {
              head: t('pipelines.quarantined'),
              number: true,
              cell: step => {
                const { table } = outcome(step);
                const { rejected } = step;
                if (rejected === 0) return '0';
                if (!table) return format.number(rejected);
                return (
                  <Link to="/quarantine/$table" params={{ table }} search={{ run: run.id }}>
                    {format.number(rejected)}
                  </Link>
                );
              },
            },
            {
              head: t('pipelines.wrote'),
              extra: true,
              cell: step => {
                const { table, version } = outcome(step);
                return (
                  table && (
                    <Link to="/catalog/$table" params={{ table }} search={{ tab: 'history' }}>
                      {table} {version !== undefined && `@${version}`}
                    </Link>
                  )
                );
              },
            },
          ]}
        />
      </Panel>
      {run.steps
        .filter(({ error }) => error)
        .map(({ step, error }) => (
          <Panel key={step} title={t('pipelines.stepFailed', { step })} flush>
            <ProblemView problem={Problem.from(0, error)} />
          </Panel>
        ))}
      {checks.length > 0 && (
        <Panel title={t('pipelines.checks')} flush>
          <List
            label={t('pipelines.checks')}
            rows={checks}
            id={({ step, check }) => `${step}/${check}`}
            fields={[
              { head: t('pipelines.check'), cell: ({ check }) => <strong>{check}</strong> },
              { head: t('pipelines.step'), cell: ({ step }) => step },
              { head: t('pipelines.outcome'), narrow: true, cell: ({ outcome }) => <StateBadge state={outcome} /> },
              { head: t('pipelines.failing'), number: true, cell: ({ failing }) => format.number(failing) },
            ]}
          />
        </Panel>
      )}
    </>
  );
}

function Bar({ place, state, done }: { place: [number, number] | undefined; state: string; done: number | undefined }) {
  if (!place) return null;
  const [begin, end] = place;
  return (
    <div className={classes.track} aria-hidden>
      <div
        className={classes.bar}
        data-state={state}
        style={{ left: `${begin * 100}%`, width: `${Math.max(0.8, (end - begin) * 100)}%` }}
      >
        {state === 'running' && done !== undefined && <div className={classes.done} style={{ width: `${done * 100}%` }} />}
      </div>
    </div>
  );
}
