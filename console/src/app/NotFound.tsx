import { IconMapOff } from '@tabler/icons-react';
import { LinkButton } from '../ui/page/LinkButton';
import { EmptyView } from '../ui/state/EmptyView';
import { useT } from './locale';

export function NotFound() {
  const t = useT();
  return (
    <EmptyView icon={IconMapOff} title={t('app.notFound.title')} text={t('app.notFound.text')}>
      <LinkButton to="/">{t('app.nav.overview')}</LinkButton>
    </EmptyView>
  );
}
