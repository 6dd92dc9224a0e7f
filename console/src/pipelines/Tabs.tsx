import { useLocation } from '@tanstack/react-router';
import { useT } from '../app/locale';
import { Segments } from '../ui/page/Segments';

/** What belongs to pipelines, each a page. */
export function Tabs() {
  const t = useT();
  const { pathname } = useLocation();
  const parts = (['/pipelines', '/runs', '/quarantine'] as const).map(to => ({
    to,
    here: pathname === to,
    text: t(`pipelines.tab.${to.slice(1) as 'pipelines'}`),
  }));
  return <Segments label={t('app.nav.pipelines')} parts={parts} />;
}
