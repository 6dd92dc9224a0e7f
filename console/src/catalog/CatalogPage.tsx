import { Button, SegmentedControl, TextInput } from '@mantine/core';
import { IconBooks, IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import * as questions from '../api/questions';
import { useT } from '../app/locale';
import { LinkButton } from '../ui/page/LinkButton';
import { Page } from '../ui/page/Page';
import { Panel } from '../ui/page/Panel';
import { Asked } from '../ui/state/Asked';
import { EmptyView } from '../ui/state/EmptyView';
import classes from './CatalogPage.module.css';
import { found, schemas } from './search';
import { TableList } from './TableList';

/** Most tables drawn at once. */
const drawnMax = 300;

export function CatalogPage() {
  const t = useT();
  const { q = '', kind = 'all', schema } = useSearch({ from: '/catalog' });
  const navigate = useNavigate({ from: '/catalog' });
  const tables = useQuery(questions.tables);
  const set = (change: { q?: string; kind?: string; schema?: string }) =>
    navigate({ search: before => ({ ...before, ...change }), replace: true, resetScroll: false });
  return (
    <Page title={t('app.nav.catalog')} lead={t('catalog.lead')}>
      <Asked query={tables}>
        {({ items }) => {
          if (items.length === 0) {
            return (
              <EmptyView
                icon={IconBooks}
                title={t('catalog.empty.title')}
                text={t('catalog.empty.text')}
                command="dataux apply -f DIR && dataux run PIPELINE"
              >
                <LinkButton to="/connections">{t('catalog.empty.connect')}</LinkButton>
              </EmptyView>
            );
          }
          const shown = found(items, q, kind, schema);
          return (
            <>
              <div className={classes.filters}>
                <TextInput
                  className={classes.search}
                  aria-label={t('catalog.search')}
                  placeholder={t('catalog.search')}
                  leftSection={<IconSearch size={16} aria-hidden />}
                  value={q}
                  onChange={event => set({ q: event.currentTarget.value || undefined })}
                />
                <SegmentedControl
                  size="xs"
                  aria-label={t('catalog.kind')}
                  value={kind}
                  onChange={value => set({ kind: value === 'all' ? undefined : value })}
                  data={(['all', 'table', 'live', 'quarantine'] as const).map(value => ({
                    value,
                    label: t(`catalog.kind.${value}`),
                  }))}
                />
              </div>
              <div className={classes.body}>
                <nav className={classes.schemas} aria-label={t('catalog.schemas')}>
                  {schemas(found(items, q, kind, undefined)).map(([name, count]) => (
                    <button
                      key={name}
                      type="button"
                      aria-pressed={schema === name}
                      onClick={() => set({ schema: schema === name ? undefined : name })}
                    >
                      <bdi>{name}</bdi> <span>{count}</span>
                    </button>
                  ))}
                </nav>
                <Panel title={t('catalog.found', { count: shown.length })} flush>
                  {shown.length === 0 ? (
                    <EmptyView icon={IconSearch} title={t('ui.nothingFound')}>
                      <Button variant="default" size="xs" onClick={() => navigate({ search: {} })}>
                        {t('catalog.clear')}
                      </Button>
                    </EmptyView>
                  ) : (
                    <TableList tables={shown.slice(0, drawnMax)} />
                  )}
                  {shown.length > drawnMax && (
                    <p className={classes.more}>{t('catalog.more', { count: shown.length - drawnMax })}</p>
                  )}
                </Panel>
              </div>
            </>
          );
        }}
      </Asked>
    </Page>
  );
}
