import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { useT } from '../app/locale';
import { Page } from '../ui/page/Page';
import { ConnectionForm } from './ConnectionForm';
import { Declare } from './Declare';
import { pageOf } from './pageOf';
import { isKnown, template } from './templates';

export function NewPage() {
  const t = useT();
  const navigate = useNavigate();
  const { kind } = useParams({ from: '/new/$kind' });
  const { text: linked } = useSearch({ from: '/new/$kind' });
  const [text, setText] = useState(linked ?? (kind === 'Connection' ? undefined : template(kind)));
  return (
    <Page title={t('resources.new', { kind: isKnown(kind) ? t(`resources.kind.${kind}`) : kind })} lead={t('resources.newLead')}>
      {text === undefined ? (
        <ConnectionForm asYaml={setText} />
      ) : (
        <Declare kind={kind} text={text} done={(saved, name) => navigate(pageOf(saved, name))} />
      )}
    </Page>
  );
}
