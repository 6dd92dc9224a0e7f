import { Button } from '@mantine/core';
import { IconCircleCheck, IconCircleX, IconPlugConnected } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { api, ask } from '../api/client';
import { Problem } from '../api/problem';
import { useT } from '../app/locale';
import { useFormat } from '../ui/format/useFormat';
import { ProblemView } from '../ui/state/ProblemView';
import classes from './Check.module.css';

/** Tries a connection: what answered and how fast, or what is wrong and what to do. */
export function Check({ name, wide }: { name: string; wide?: boolean }) {
  const t = useT();
  const format = useFormat();
  const check = useMutation({
    mutationFn: () => ask(api.POST('/api/v1/connections/{name}/check', { params: { path: { name } } })),
  });
  const problem = check.error && Problem.of(check.error);
  return (
    <div className={classes.box} data-wide={wide || undefined}>
      <Button
        size="compact-xs"
        variant="default"
        leftSection={<IconPlugConnected size={14} />}
        loading={check.isPending}
        onClick={() => check.mutate()}
        aria-label={t('connections.testIt', { name })}
      >
        {t('connections.test')}
      </Button>
      <span role="status" className={classes.said}>
        {check.data && (
          <span className={classes.good}>
            <IconCircleCheck size={15} aria-hidden /> {check.data.system} · {format.duration(check.data.millis)}
          </span>
        )}
        {problem && !wide && (
          <span className={classes.bad} title={problem.hint ?? undefined}>
            <IconCircleX size={15} aria-hidden /> {problem.message}
          </span>
        )}
      </span>
      {problem && wide && <ProblemView problem={problem} />}
    </div>
  );
}
