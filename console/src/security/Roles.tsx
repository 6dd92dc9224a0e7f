import { IconPlus, IconUsersGroup } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import * as questions from '../api/questions';
import { useT } from '../app/locale';
import { LinkButton } from '../ui/page/LinkButton';
import { List } from '../ui/page/List';
import { Panel } from '../ui/page/Panel';
import { Asked } from '../ui/state/Asked';
import { EmptyView } from '../ui/state/EmptyView';
import { type Grant, sentence } from './grant';

interface Role {
  description?: string;
  includes?: string[];
}

/** Roles, who has them, and what they allow. */
export function Roles() {
  const t = useT();
  const roles = useQuery(questions.resources('Role'));
  const users = useQuery(questions.resources('User'));
  const grants = useQuery(questions.resources('Grant'));
  const has = (role: string) =>
    (users.data?.items ?? [])
      .filter(({ spec }) => ((spec as { roles?: string[] }).roles ?? []).includes(role))
      .map(({ name }) => name);
  const allowed = (role: string) =>
    (grants.data?.items ?? []).map(({ spec }) => spec as unknown as Grant).filter(({ to }) => to.role === role);
  const add = (
    <LinkButton to="/new/$kind" params={{ kind: 'Role' }} search={{}} size="xs" leftSection={<IconPlus size={15} />}>
      {t('security.newRole')}
    </LinkButton>
  );
  return (
    <Panel title={t('security.tab.roles')} lead={t('security.rolesLead')} flush actions={add}>
      <Asked query={roles}>
        {({ items }) =>
          items.length === 0 ? (
            <EmptyView
              icon={IconUsersGroup}
              title={t('security.noRoles')}
              text={t('security.noRolesText')}
              command="dataux apply -f roles.yaml"
            />
          ) : (
            <List
              label={t('security.tab.roles')}
              rows={items}
              id={({ name }) => name}
              fields={[
                {
                  head: t('security.role'),
                  cell: ({ name }) => (
                    <Link to="/edit/$kind/$name" params={{ kind: 'Role', name }}>
                      <bdi>{name}</bdi>
                    </Link>
                  ),
                },
                { head: t('security.what'), cell: ({ spec }) => (spec as Role).description },
                { head: t('security.includes'), extra: true, cell: ({ spec }) => ((spec as Role).includes ?? []).join(', ') },
                { head: t('security.members'), cell: ({ name }) => has(name).join(', ') },
                {
                  head: t('security.may'),
                  extra: true,
                  cell: ({ name }) => allowed(name).map((grant, index) => <div key={index}>{sentence(grant)}</div>),
                },
              ]}
            />
          )
        }
      </Asked>
    </Panel>
  );
}
