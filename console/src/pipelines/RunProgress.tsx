import { Progress } from '@mantine/core';
import type { Schemas } from '../api/client';
import { useT } from '../app/locale';
import { useFormat } from '../ui/format/useFormat';
import classes from './RunProgress.module.css';
import { left, whole } from './run';

/** How far a run is: done, rate, time left. */
export function RunProgress({ run }: { run: Schemas['Run'] }) {
  const t = useT();
  const format = useFormat();
  const done = whole(run.steps);
  const elapsed = run.started_at ? Date.now() - Date.parse(run.started_at) : 0;
  const rows = run.steps.reduce((sum, step) => sum + step.rows, 0);
  const rest = left(done, elapsed);
  const finished = run.steps.filter(({ state }) => state === 'succeeded').length;
  return (
    <div className={classes.box}>
      <Progress.Root size="lg">
        <Progress.Section value={done * 100} color="teal.9" animated aria-label={t('pipelines.progress')} />
      </Progress.Root>
      <p role="status">
        <span>{t('pipelines.stepsDone', { done: finished, count: run.steps.length })}</span>
        {elapsed > 1_000 && rows > 0 && (
          <span>{t('pipelines.rate', { rows: format.number(Math.round((rows / elapsed) * 1000)) })}</span>
        )}
        {rest !== undefined && <span>{t('pipelines.left', { time: format.duration(rest) })}</span>}
        {run.cancel_requested && <strong>{t('pipelines.cancelling')}</strong>}
      </p>
    </div>
  );
}
