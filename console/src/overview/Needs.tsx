import { IconCircleCheck, IconCircleX, IconFilter } from '@tabler/icons-react';
import type { UseQueryResult } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { Schemas } from '../api/client';
import { useT } from '../app/locale';
import { Moment } from '../ui/format/Moment';
import { useFormat } from '../ui/format/useFormat';
import { Panel } from '../ui/page/Panel';
import { Asked } from '../ui/state/Asked';
import { EmptyView } from '../ui/state/EmptyView';
import { needs } from './attention';
import classes from './Needs.module.css';

interface Props {
  runs: UseQueryResult<Schemas['Page_Run']>;
  quarantine: UseQueryResult<Schemas['Page_QuarantineSummary']>;
}

/** What somebody should look at. */
export function Needs({ runs, quarantine }: Props) {
  const t = useT();
  const format = useFormat();
  return (
    <Panel title={t('overview.needs')} flush>
      <Asked query={runs} rows={3}>
        {page => (
          <Asked query={quarantine} rows={3}>
            {held => {
              const { failed, quarantined } = needs(page.items, held.items);
              if (failed.length + quarantined.length === 0)
                return <EmptyView icon={IconCircleCheck} title={t('overview.fine')} text={t('overview.fineText')} />;
              return (
                <ul className={classes.list}>
                  {failed.map(({ id, pipeline, created_at, error }) => (
                    <li key={id} data-tone="bad">
                      <IconCircleX size={18} aria-hidden />
                      <div>
                        <Link to="/runs/$id" params={{ id }} search={{}}>
                          {t('overview.failed', { pipeline })}
                        </Link>
                        <p>{error?.message}</p>
                        <small>
                          <Moment at={created_at} />
                        </small>
                      </div>
                    </li>
                  ))}
                  {quarantined.map(({ table, records, causes }) => (
                    <li key={table} data-tone="warn">
                      <IconFilter size={18} aria-hidden />
                      <div>
                        <Link to="/quarantine/$table" params={{ table }} search={{}}>
                          {t('overview.held', { count: records, records: format.number(records), table })}
                        </Link>
                        <p>{causes.join(', ')}</p>
                      </div>
                    </li>
                  ))}
                </ul>
              );
            }}
          </Asked>
        )}
      </Asked>
    </Panel>
  );
}
