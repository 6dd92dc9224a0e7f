import { Button } from '@mantine/core';
import { IconPlayerPlay, IconPlayerStop, IconRotateClockwise } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { api, ask, type Schemas } from '../api/client';
import { useT } from '../app/locale';
import { Confirm } from '../ui/form/Confirm';
import { live } from './run';

/** What can be done with a run, by its state. */
export function RunActs({ run }: { run: Schemas['Run'] }) {
  const t = useT();
  const client = useQueryClient();
  const navigate = useNavigate();
  const [act, setAct] = useState<'cancel' | 'resume' | 'rerun'>();
  const path = { params: { path: { id: run.id } } };
  const steer = async () => {
    if (act === 'rerun') {
      const { id } = await ask(api.POST('/api/v1/runs/{id}/rerun', path));
      await navigate({ to: '/runs/$id', params: { id }, search: {} });
    } else if (act === 'resume') {
      client.setQueryData(['runs', run.id], await ask(api.POST('/api/v1/runs/{id}/resume', path)));
    } else {
      client.setQueryData(['runs', run.id], await ask(api.POST('/api/v1/runs/{id}/cancel', path)));
    }
    await client.invalidateQueries({ queryKey: ['runs'] });
  };
  const working = live(run.state);
  return (
    <>
      {working && (
        <Button
          size="xs"
          variant="default"
          leftSection={<IconPlayerStop size={15} />}
          disabled={run.cancel_requested}
          onClick={() => setAct('cancel')}
        >
          {t('pipelines.cancel')}
        </Button>
      )}
      {(run.state === 'failed' || run.state === 'cancelled') && (
        <Button size="xs" leftSection={<IconPlayerPlay size={15} />} onClick={() => setAct('resume')}>
          {t('pipelines.resume')}
        </Button>
      )}
      {!working && (
        <Button size="xs" variant="default" leftSection={<IconRotateClockwise size={15} />} onClick={() => setAct('rerun')}>
          {t('pipelines.rerun')}
        </Button>
      )}
      {act && (
        <Confirm
          title={t(`pipelines.${act}`)}
          text={t(`pipelines.confirm.${act}`, { name: run.pipeline })}
          act={t(`pipelines.${act}`)}
          danger={act === 'cancel'}
          close={() => setAct(undefined)}
          run={steer}
        />
      )}
    </>
  );
}
