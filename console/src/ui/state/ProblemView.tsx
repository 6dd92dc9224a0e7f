import { Button } from '@mantine/core';
import { IconAlertTriangle, IconLock, IconRefresh } from '@tabler/icons-react';
import type { Problem } from '../../api/problem';
import { useT } from '../../app/locale';
import classes from './ProblemView.module.css';

/** What happened, whose fault it is, whether trying again helps, what to do, and how the server's log calls it. */
export function ProblemView({ problem, again, whole }: { problem: Problem; again?: () => unknown; whole?: boolean }) {
  const t = useT();
  const forbidden = problem.status === 403;
  const Icon = forbidden ? IconLock : IconAlertTriangle;
  const unreachable = problem.code === 'unreachable';
  return (
    <div className={classes.box} role="alert" data-whole={whole || undefined} data-kind={forbidden ? 'forbidden' : 'error'}>
      <Icon size={20} aria-hidden className={classes.icon} />
      <div className={classes.body}>
        <p className={classes.message}>{unreachable ? t('ui.problem.unreachable') : problem.message}</p>
        {(problem.hint || unreachable) && (
          <p className={classes.hint}>{unreachable ? t('ui.problem.unreachableHint') : problem.hint}</p>
        )}
        <p className={classes.facts}>
          <span>{t(`ui.blame.${problem.blame}`)}</span>
          {problem.retry && <span>{t('ui.problem.retry')}</span>}
          <code>{problem.code}</code>
          {problem.traceId && (
            <span>
              {t('ui.problem.trace')} <code>{problem.traceId}</code>
            </span>
          )}
        </p>
        {again && !forbidden && (
          <Button size="xs" variant="default" leftSection={<IconRefresh size={14} />} onClick={() => again()}>
            {t('ui.problem.again')}
          </Button>
        )}
      </div>
    </div>
  );
}
