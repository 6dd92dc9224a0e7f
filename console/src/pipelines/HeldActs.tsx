import { Button } from '@mantine/core';
import { IconRotateClockwise, IconTrash } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { api, ask } from '../api/client';
import { useT } from '../app/locale';
import { Confirm } from '../ui/form/Confirm';

/** What can be done with records in quarantine: send them through their step again, or drop them for good. */
export function HeldActs({ table, run, cause }: { table: string; run?: string; cause?: string }) {
  const t = useT();
  const client = useQueryClient();
  const navigate = useNavigate();
  const [act, setAct] = useState<'replay' | 'drop'>();
  const path = { name: table };
  const replay = async () => {
    const { ids } = await ask(api.POST('/api/v1/quarantine/{name}/replay', { params: { path }, body: { run, cause } }));
    await client.invalidateQueries({ queryKey: ['runs'] });
    if (ids[0]) await navigate({ to: '/runs/$id', params: { id: ids[0] }, search: {} });
  };
  const drop = () => ask(api.DELETE('/api/v1/quarantine/{name}', { params: { path, query: { run, cause } } }));
  const perform = async () => {
    await (act === 'replay' ? replay() : drop());
    await client.invalidateQueries({ queryKey: ['quarantine'] });
  };
  const which = [cause, run].filter(Boolean).join(', ');
  return (
    <>
      <Button size="xs" leftSection={<IconRotateClockwise size={15} />} onClick={() => setAct('replay')}>
        {t('pipelines.replay')}
      </Button>
      <Button size="xs" variant="default" leftSection={<IconTrash size={15} />} onClick={() => setAct('drop')}>
        {t('pipelines.drop')}
      </Button>
      {act && (
        <Confirm
          title={t(`pipelines.${act}`)}
          text={which ? t(`pipelines.some.${act}`, { table, which }) : t(`pipelines.every.${act}`, { table })}
          act={t(`pipelines.${act}`)}
          danger={act === 'drop'}
          close={() => setAct(undefined)}
          run={perform}
        />
      )}
    </>
  );
}
