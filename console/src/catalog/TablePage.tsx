import { IconTerminal2 } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams, useSearch } from '@tanstack/react-router';
import * as questions from '../api/questions';
import { useT } from '../app/locale';
import { Commands } from '../ui/form/Commands';
import { curl, quoted } from '../ui/form/shell';
import { useFormat } from '../ui/format/useFormat';
import { Facts } from '../ui/page/Facts';
import { LinkButton } from '../ui/page/LinkButton';
import { Page } from '../ui/page/Page';
import { Panel } from '../ui/page/Panel';
import { Segments } from '../ui/page/Segments';
import { Asked } from '../ui/state/Asked';
import { ColumnList } from './ColumnList';
import { History } from './History';
import { KindBadge } from './KindBadge';
import { Lineage } from './Lineage';
import { Maintain } from './Maintain';
import { Preview } from './Preview';
import { sqlName } from './search';

export function TablePage() {
  const t = useT();
  const format = useFormat();
  const { table } = useParams({ from: '/catalog/$table' });
  const { tab = 'columns', version } = useSearch({ from: '/catalog/$table' });
  const info = useQuery(questions.table(table));
  const kind = info.data?.kind;
  const inLake = kind === 'table' || kind === 'quarantine';
  const parts = (['columns', 'preview', ...(inLake ? (['history', 'lineage'] as const) : [])] as const).map(part => ({
    to: `/catalog/${encodeURIComponent(table)}`,
    search: part === 'columns' ? {} : { tab: part },
    here: tab === part,
    text: t(`catalog.tab.${part}`),
  }));
  return (
    <Page
      title={table}
      name
      above={<Link to="/catalog">{t('app.nav.catalog')}</Link>}
      lead={kind && <KindBadge kind={kind} />}
      actions={
        <>
          <LinkButton
            to="/query"
            search={{ sql: `SELECT * FROM ${sqlName(table)} LIMIT 100\n`, run: '1' }}
            size="xs"
            leftSection={<IconTerminal2 size={15} />}
          >
            {t('catalog.queryIt')}
          </LinkButton>
          {inLake && <Maintain table={table} />}
          <Commands
            lines={[
              ['dataux', `dataux describe table ${quoted(table)}`],
              ['curl', curl('GET', `/api/v1/tables/${encodeURIComponent(table)}`)],
            ]}
          />
        </>
      }
    >
      <Asked query={info}>
        {data => (
          <>
            <Panel>
              <Facts
                facts={[
                  [t('catalog.rows'), data.rows != null && format.number(data.rows)],
                  [t('catalog.bytes'), data.bytes != null && format.bytes(data.bytes)],
                  [t('catalog.files'), data.files != null && format.number(data.files)],
                  [t('catalog.version'), data.version],
                  [t('catalog.columns'), format.number(data.columns.length)],
                ].map(([name, value]) => [String(name), value === false ? null : value])}
              />
            </Panel>
            <Segments label={table} parts={parts} />
            {tab === 'columns' && <ColumnList columns={data.columns} />}
            {tab === 'preview' && <Preview table={table} version={version} />}
            {tab === 'history' && inLake && <History table={table} newest={data.version ?? 0} />}
            {tab === 'lineage' && inLake && <Lineage table={table} />}
          </>
        )}
      </Asked>
    </Page>
  );
}
