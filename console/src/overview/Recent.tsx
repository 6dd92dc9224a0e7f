import { IconHistory } from '@tabler/icons-react';
import type { UseQueryResult } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { Schemas } from '../api/client';
import { useT } from '../app/locale';
import { Moment } from '../ui/format/Moment';
import { useFormat } from '../ui/format/useFormat';
import { LinkButton } from '../ui/page/LinkButton';
import { List } from '../ui/page/List';
import { Panel } from '../ui/page/Panel';
import { StateBadge } from '../ui/page/StateBadge';
import { Asked } from '../ui/state/Asked';
import { EmptyView } from '../ui/state/EmptyView';

/** Runs shown. */
const shownMax = 8;

/** The last runs of all pipelines. */
export function Recent({ runs }: { runs: UseQueryResult<Schemas['Page_Run']> }) {
  const t = useT();
  const format = useFormat();
  return (
    <Panel
      title={t('overview.recent')}
      flush
      actions={
        <LinkButton to="/runs" search={{}} size="compact-xs" variant="default">
          {t('overview.all')}
        </LinkButton>
      }
    >
      <Asked query={runs}>
        {({ items }) =>
          items.length === 0 ? (
            <EmptyView
              icon={IconHistory}
              title={t('overview.noRuns')}
              text={t('overview.noRunsText')}
              command="dataux run PIPELINE"
            />
          ) : (
            <List
              label={t('overview.recent')}
              rows={items.slice(0, shownMax)}
              id={({ id }) => id}
              fields={[
                {
                  head: t('overview.pipeline'),
                  cell: ({ id, pipeline }) => (
                    <Link to="/runs/$id" params={{ id }} search={{}}>
                      <bdi>{pipeline}</bdi>
                    </Link>
                  ),
                },
                { head: t('overview.state'), narrow: true, cell: ({ state }) => <StateBadge state={state} /> },
                { head: t('overview.started'), narrow: true, cell: ({ created_at }) => <Moment at={created_at} /> },
                {
                  head: t('overview.took'),
                  number: true,
                  extra: true,
                  cell: ({ started_at, finished_at }) => format.between(started_at, finished_at),
                },
                { head: t('overview.by'), extra: true, narrow: true, cell: ({ created_by }) => created_by },
              ]}
            />
          )
        }
      </Asked>
    </Panel>
  );
}
