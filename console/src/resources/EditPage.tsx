import { Button } from '@mantine/core';
import { IconTrash } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { api, ask } from '../api/client';
import * as questions from '../api/questions';
import { useT } from '../app/locale';
import { Confirm } from '../ui/form/Confirm';
import { resourcesChanged } from '../ui/form/changed';
import { Moment } from '../ui/format/Moment';
import { Page } from '../ui/page/Page';
import { Asked } from '../ui/state/Asked';
import { Declare } from './Declare';
import { pageOf } from './pageOf';

export function EditPage() {
  const t = useT();
  const client = useQueryClient();
  const navigate = useNavigate();
  const { kind, name } = useParams({ from: '/edit/$kind/$name' });
  const [removing, setRemoving] = useState(false);
  // What is being edited must not change under the hand; that it changed is found when it is saved.
  const resource = useQuery({
    ...questions.resource(kind, name),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    refetchOnMount: 'always',
  });
  const remove = async () => {
    await ask(api.DELETE('/api/v1/resources/{kind}/{name}', { params: { path: { kind, name } } }));
    await resourcesChanged(client);
    const lists: Record<string, '/pipelines' | '/services' | '/connections'> = {
      Pipeline: '/pipelines',
      DataService: '/services',
      Connection: '/connections',
    };
    await navigate(lists[kind] ? { to: lists[kind] } : pageOf(kind, name));
  };
  return (
    <Page
      title={t('resources.edit', { name })}
      lead={
        resource.data && (
          <>
            {kind} · {t('ui.version', { version: resource.data.version })} · {t('ui.changed', { user: resource.data.updated_by })}{' '}
            <Moment at={resource.data.updated_at} />
          </>
        )
      }
      actions={
        <Button size="xs" variant="default" leftSection={<IconTrash size={15} />} onClick={() => setRemoving(true)}>
          {t('resources.remove')}
        </Button>
      }
    >
      <Asked query={resource}>
        {data => (
          <Declare kind={kind} text={data.text} version={data.version} done={(saved, as) => navigate(pageOf(saved, as))} />
        )}
      </Asked>
      {removing && (
        <Confirm
          title={t('resources.removeIt', { name })}
          text={t('resources.removeText', { kind, name })}
          act={t('resources.remove')}
          danger
          close={() => setRemoving(false)}
          run={remove}
        />
      )}
    </Page>
  );
}
