import { Button, Group } from '@mantine/core';
import { IconPlus, IconUsers } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import * as questions from '../api/questions';
import { apply, document } from '../api/resources';
import { useT } from '../app/locale';
import { Commands } from '../ui/form/Commands';
import { Confirm } from '../ui/form/Confirm';
import { resourcesChanged } from '../ui/form/changed';
import { curl } from '../ui/form/shell';
import { List } from '../ui/page/List';
import { Panel } from '../ui/page/Panel';
import { Asked } from '../ui/state/Asked';
import { EmptyView } from '../ui/state/EmptyView';
import { NewUser } from './NewUser';
import { Password } from './Password';

interface User {
  display_name?: string;
  roles?: string[];
  disabled?: boolean;
}

export function Users() {
  const t = useT();
  const client = useQueryClient();
  const [act, setAct] = useState<{ kind: 'new' } | { kind: 'password' | 'disable'; name: string; user: User }>();
  const users = useQuery(questions.resources('User'));
  const close = () => setAct(undefined);
  const toggle = async (name: string, user: User) => {
    await apply(document('User', name, { ...user, disabled: !user.disabled }));
    await resourcesChanged(client);
  };
  return (
    <Panel
      title={t('security.tab.users')}
      lead={t('security.usersLead')}
      flush
      actions={
        <>
          <Button size="xs" leftSection={<IconPlus size={15} />} onClick={() => setAct({ kind: 'new' })}>
            {t('security.newUser')}
          </Button>
          <Commands
            lines={[
              ['dataux', 'dataux get users'],
              ['curl', curl('GET', '/api/v1/resources/User')],
            ]}
          />
        </>
      }
    >
      <Asked query={users}>
        {({ items }) =>
          items.length === 0 ? (
            <EmptyView icon={IconUsers} title={t('security.noUsers')} command="dataux apply -f users.yaml" />
          ) : (
            <List
              label={t('security.tab.users')}
              rows={items}
              id={({ name }) => name}
              fields={[
                {
                  head: t('security.user'),
                  cell: ({ name }) => (
                    <Link to="/edit/$kind/$name" params={{ kind: 'User', name }}>
                      <bdi>{name}</bdi>
                    </Link>
                  ),
                },
                { head: t('security.name'), extra: true, cell: ({ spec }) => (spec as User).display_name },
                { head: t('security.tab.roles'), cell: ({ spec }) => ((spec as User).roles ?? []).join(', ') },
                {
                  head: t('security.state'),
                  narrow: true,
                  cell: ({ spec }) => ((spec as User).disabled ? t('security.disabled') : t('security.active')),
                },
                {
                  head: t('security.acts'),
                  narrow: true,
                  cell: ({ name, spec }) => (
                    <Group gap="xs" wrap="nowrap">
                      <Button
                        size="compact-xs"
                        variant="default"
                        onClick={() => setAct({ kind: 'password', name, user: spec as User })}
                        aria-label={t('security.passwordOf', { name })}
                      >
                        {t('security.password')}
                      </Button>
                      <Button
                        size="compact-xs"
                        variant="default"
                        onClick={() => setAct({ kind: 'disable', name, user: spec as User })}
                        aria-label={
                          (spec as User).disabled ? t('security.enableUser', { name }) : t('security.disableUser', { name })
                        }
                      >
                        {(spec as User).disabled ? t('security.enable') : t('security.disable')}
                      </Button>
                    </Group>
                  ),
                },
              ]}
            />
          )
        }
      </Asked>
      {act?.kind === 'new' && <NewUser close={close} />}
      {act?.kind === 'password' && <Password name={act.name} close={close} />}
      {act?.kind === 'disable' && (
        <Confirm
          title={act.user.disabled ? t('security.enableUser', { name: act.name }) : t('security.disableUser', { name: act.name })}
          text={act.user.disabled ? t('security.enableText') : t('security.disableText')}
          act={act.user.disabled ? t('security.enable') : t('security.disable')}
          danger={!act.user.disabled}
          close={close}
          run={() => toggle(act.name, act.user)}
        />
      )}
    </Panel>
  );
}
