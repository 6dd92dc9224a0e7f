import { Button, Switch } from '@mantine/core';
import { IconKey, IconPlus } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, ask, type Schemas } from '../api/client';
import { useT } from '../app/locale';
import { useSession } from '../app/session';
import { Commands } from '../ui/form/Commands';
import { Confirm } from '../ui/form/Confirm';
import { curl } from '../ui/form/shell';
import { Moment } from '../ui/format/Moment';
import { List } from '../ui/page/List';
import { Panel } from '../ui/page/Panel';
import { Asked } from '../ui/state/Asked';
import { EmptyView } from '../ui/state/EmptyView';
import { NewToken } from './NewToken';

export function Tokens() {
  const t = useT();
  const { who } = useSession();
  const client = useQueryClient();
  const [everybody, setEverybody] = useState(false);
  const [adding, setAdding] = useState(false);
  const [revoking, setRevoking] = useState<Schemas['Token']>();
  const tokens = useQuery({
    queryKey: ['tokens', everybody],
    queryFn: () => ask(api.GET('/api/v1/tokens', { params: { query: { all: everybody } } })),
  });
  const revoke = async (id: string) => {
    await ask(api.DELETE('/api/v1/tokens/{id}', { params: { path: { id } } }));
    await client.invalidateQueries({ queryKey: ['tokens'] });
  };
  return (
    <Panel
      title={t('security.tab.tokens')}
      lead={t('security.tokensLead')}
      flush
      actions={
        <>
          {who.admin && (
            <Switch
              size="xs"
              label={t('security.everybody')}
              checked={everybody}
              onChange={event => setEverybody(event.currentTarget.checked)}
            />
          )}
          <Button size="xs" leftSection={<IconPlus size={15} />} onClick={() => setAdding(true)}>
            {t('security.newToken')}
          </Button>
          <Commands
            lines={[
              ['dataux', 'dataux token list'],
              ['curl', curl('GET', '/api/v1/tokens')],
            ]}
          />
        </>
      }
    >
      <Asked query={tokens}>
        {({ items }) =>
          items.length === 0 ? (
            <EmptyView
              icon={IconKey}
              title={t('security.noTokens')}
              text={t('security.noTokensText')}
              command="dataux token create"
            />
          ) : (
            <List
              label={t('security.tab.tokens')}
              rows={items}
              id={({ id }) => id}
              fields={[
                { head: t('security.name'), cell: ({ name }) => <strong>{name || t('security.unnamed')}</strong> },
                { head: t('security.user'), cell: ({ user }) => user },
                {
                  head: t('security.scope'),
                  extra: true,
                  cell: ({ scope }) => (scope ? <code>{JSON.stringify(scope)}</code> : t('security.wholeScope')),
                },
                { head: t('security.made'), extra: true, cell: ({ created_at }) => <Moment at={created_at} /> },
                {
                  head: t('security.used'),
                  cell: ({ last_used_at }) => (last_used_at ? <Moment at={last_used_at} /> : t('security.neverUsed')),
                },
                {
                  head: t('security.ends'),
                  extra: true,
                  cell: ({ expires_at }) => (expires_at ? <Moment at={expires_at} /> : t('security.neverEnds')),
                },
                {
                  head: t('security.acts'),
                  narrow: true,
                  cell: token => (
                    <Button
                      size="compact-xs"
                      variant="default"
                      onClick={() => setRevoking(token)}
                      aria-label={t('security.revokeIt', { name: token.name || token.id })}
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
      {adding && <NewToken close={() => setAdding(false)} />}
      {revoking && (
        <Confirm
          title={t('security.revokeIt', { name: revoking.name || revoking.id })}
          text={t('security.revokeTokenText', { user: revoking.user })}
          act={t('security.revoke')}
          danger
          close={() => setRevoking(undefined)}
          run={() => revoke(revoking.id)}
        />
      )}
    </Panel>
  );
}
