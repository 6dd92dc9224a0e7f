import { useSearch } from '@tanstack/react-router';
import { useT } from '../app/locale';
import { Page } from '../ui/page/Page';
import { Segments } from '../ui/page/Segments';
import { Audit } from './Audit';
import { Grants } from './Grants';
import { Roles } from './Roles';
import { Tokens } from './Tokens';
import { Users } from './Users';

const parts = { users: Users, roles: Roles, grants: Grants, tokens: Tokens, audit: Audit } as const;

export function SecurityPage() {
  const t = useT();
  const { tab = 'users' } = useSearch({ from: '/security' });
  const Part = parts[tab as keyof typeof parts] ?? Users;
  return (
    <Page title={t('app.nav.security')} lead={t('security.lead')}>
      <Segments
        label={t('app.nav.security')}
        parts={(Object.keys(parts) as (keyof typeof parts)[]).map(part => ({
          to: '/security',
          search: part === 'users' ? {} : { tab: part },
          here: tab === part,
          text: t(`security.tab.${part}`),
        }))}
      />
      <Part />
    </Page>
  );
}
