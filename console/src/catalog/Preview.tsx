import { IconTable } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { runSql } from '../api/rows';
import { useT } from '../app/locale';
import { Grid } from '../ui/grid/Grid';
import { LinkButton } from '../ui/page/LinkButton';
import { Panel } from '../ui/page/Panel';
import { Asked } from '../ui/state/Asked';
import { EmptyView } from '../ui/state/EmptyView';
import { sqlName } from './search';

/** Rows looked at. */
const previewRows = 200;

/** The first rows of a table, as of a version if one is chosen. */
export function Preview({ table, version }: { table: string; version: string | undefined }) {
  const t = useT();
  const at = version !== undefined && /^\d+$/.test(version) ? ` VERSION AS OF ${version}` : '';
  const sql = `SELECT * FROM ${sqlName(table)}${at} LIMIT ${previewRows}`;
  const rows = useQuery({
    queryKey: ['preview', sql],
    queryFn: ({ signal }) => runSql({ sql, signal, more: () => {} }),
    // Rows are not data that two answers could share.
    structuralSharing: false,
    staleTime: 30_000,
  });
  return (
    <Panel
      title={at ? t('catalog.previewAt', { version: version ?? '' }) : t('catalog.preview')}
      lead={t('catalog.previewLead', { count: previewRows })}
      flush
      actions={
        <>
          {at && (
            <LinkButton to="/catalog/$table" params={{ table }} search={{ tab: 'preview' }} size="xs" variant="default">
              {t('catalog.newest')}
            </LinkButton>
          )}
          <LinkButton to="/query" search={{ sql: `${sql}\n`, run: '1' }} size="xs" variant="default">
            {t('catalog.queryIt')}
          </LinkButton>
        </>
      }
    >
      <Asked query={rows}>
        {data =>
          data.count === 0 ? (
            <EmptyView icon={IconTable} title={t('catalog.noRows')} />
          ) : (
            <Grid label={t('catalog.preview')} source={data} version={data.count} />
          )
        }
      </Asked>
    </Panel>
  );
}
