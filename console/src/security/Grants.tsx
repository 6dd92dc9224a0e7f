import { Button } from '@mantine/core';
import { IconKey, IconPlus } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { api, ask, type Schemas } from '../api/client';
import * as questions from '../api/questions';
import { useT } from '../app/locale';
import { Confirm } from '../ui/form/Confirm';
import { resourcesChanged } from '../ui/form/changed';
import { List } from '../ui/page/List';
import { Panel } from '../ui/page/Panel';
import { Asked } from '../ui/state/Asked';
import { EmptyView } from '../ui/state/EmptyView';
import type { Grant } from './grant';
import { sentence } from './grant';
import { NewGrant } from './NewGrant';

export function Grants() {
  const t = useT();
  const client = useQueryClient();
  const [adding, setAdding] = useState(false);
  const [revoking, setRevoking] = useState<Schemas['Resource']>();
  const grants = useQuery(questions.resources('Grant'));
  const of = (resource: Schemas['Resource']) => resource.spec as unknown as Grant;
  const revoke = async (name: string) => {
    await ask(api.DELETE('/api/v1/resources/{kind}/{name}', { params: { path: { kind: 'Grant', name } } }));
    await resourcesChanged(client);
  };
  return (
    <Panel
      title={t('security.tab.grants')}
      lead={t('security.grantsLead')}
      flush
      actions={
        <Button size="xs" leftSection={<IconPlus size={15} />} onClick={() => setAdding(true)}>
          {t('security.newGrant')}
        </Button>
      }
    >
      <Asked query={grants}>
        {({ items }) =>
          items.length === 0 ? (
            <EmptyView
              icon={IconKey}
              title={t('security.noGrants')}
              text={t('security.noGrantsText')}
              command="dataux apply -f grants.yaml"
            />
          ) : (
            <List
              label={t('security.tab.grants')}
              rows={items}
              id={({ name }) => name}
              fields={[
                {
                  head: t('security.to'),
                  cell: grant => {
                    const { role, user } = of(grant).to;
                    return role ? t('security.toRole', { role }) : t('security.toUser', { user: user ?? '' });
                  },
                },
                { head: t('security.allow'), cell: grant => <strong>{of(grant).allow.join(', ')}</strong> },
                {
                  head: t('security.on'),
                  cell: grant =>
                    of(grant).on.map(object => (
                      <div key={object}>
                        <code>{object}</code>
                      </div>
                    )),
                },
                {
                  head: t('security.grant'),
                  extra: true,
                  cell: ({ name }) => (
                    <Link to="/edit/$kind/$name" params={{ kind: 'Grant', name }}>
                      <bdi>{name}</bdi>
                    </Link>
                  ),
                },
                {
                  head: t('security.acts'),
                  narrow: true,
                  cell: grant => (
                    <Button
                      size="compact-xs"
                      variant="default"
                      onClick={() => setRevoking(grant)}
                      aria-label={t('security.revokeIt', { name: grant.name })}
                    >
                      {t('security.revoke')}
                    </Button>
                  ),
                },
              ]}
            />
          )
        }
      </Asked>
      {adding && <NewGrant close={() => setAdding(false)} />}
      {revoking && (
        <Confirm
          title={t('security.revokeIt', { name: revoking.name })}
          text={t('security.revokeGrantText', {
            what: sentence(of(revoking)),
            who: of(revoking).to.role ?? of(revoking).to.user ?? '',
          })}
          act={t('security.revoke')}
          danger
          close={() => setRevoking(undefined)}
          run={() => revoke(revoking.name)}
        />
      )}
    </Panel>
  );
}
