import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useT } from '../app/locale';
import { Page } from '../ui/page/Page';
import { Declare } from './Declare';
import { pageOf } from './pageOf';
import { template } from './templates';

export function NewPage() {
  const t = useT();
  const navigate = useNavigate();
  const { kind } = useParams({ from: '/new/$kind' });
  const { text } = useSearch({ from: '/new/$kind' });
  return (
    <Page title={t('resources.new', { kind })} lead={t('resources.newLead')}>
      <Declare kind={kind} text={text ?? template(kind)} done={(saved, name) => navigate(pageOf(saved, name))} />
    </Page>
  );
}
