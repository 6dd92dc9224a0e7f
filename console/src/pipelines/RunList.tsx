import { IconHistory } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import type { Schemas } from '../api/client';
import { useT } from '../app/locale';
import { Moment } from '../ui/format/Moment';
import { useFormat } from '../ui/format/useFormat';
import { List } from '../ui/page/List';
import { StateBadge } from '../ui/page/StateBadge';
import { EmptyView } from '../ui/state/EmptyView';

export function RunList({ runs }: { runs: Schemas['Run'][] }) {
  const t = useT();
  const format = useFormat();
  if (runs.length === 0) return <EmptyView icon={IconHistory} title={t('pipelines.noRuns')} command="dataux run PIPELINE" />;
  return (
    <List
      label={t('pipelines.tab.runs')}
      rows={runs}
      id={({ id }) => id}
      fields={[
        {
          head: t('pipelines.started'),
          cell: ({ id, created_at }) => (
            <Link to="/runs/$id" params={{ id }} search={{}}>
              <Moment at={created_at} />
            </Link>
          ),
        },
        { head: t('pipelines.state'), narrow: true, cell: ({ state }) => <StateBadge state={state} /> },
        {
          head: t('pipelines.pipeline'),
          cell: ({ pipeline }) => (
            <Link to="/pipelines/$name" params={{ name: pipeline }} search={{}}>
              <bdi>{pipeline}</bdi>
            </Link>
          ),
        },
        {
          head: t('pipelines.took'),
          number: true,
          cell: ({ started_at, finished_at }) => format.between(started_at, finished_at),
        },
        { head: t('pipelines.instance'), extra: true, cell: ({ instance }) => instance && format.moment(instance) },
        { head: t('pipelines.by'), extra: true, cell: ({ created_by }) => created_by },
        { head: t('pipelines.why'), extra: true, cell: ({ error }) => error?.message },
      ]}
    />
  );
}
