import { Button, NativeSelect, TextInput } from '@mantine/core';
import { IconFileSearch } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { api, ask, type Schemas } from '../api/client';
import { Problem } from '../api/problem';
import { useT } from '../app/locale';
import { Commands } from '../ui/form/Commands';
import { curl } from '../ui/form/shell';
import { useFormat } from '../ui/format/useFormat';
import { List } from '../ui/page/List';
import { Panel } from '../ui/page/Panel';
import { StateBadge } from '../ui/page/StateBadge';
import { EmptyView } from '../ui/state/EmptyView';
import { Loading } from '../ui/state/Loading';
import { ProblemView } from '../ui/state/ProblemView';
import classes from './Audit.module.css';
import { Verify } from './Verify';

type Event = Schemas['AuditItem'] & {
  principal?: string;
  action?: string;
  object?: string;
  allowed?: boolean;
  error?: string;
  rows?: number;
  millis?: number;
  tables?: string[];
  detail?: unknown;
  address?: string;
  trace_id?: string;
};

/** Who did what, newest first; and whether the record is whole. */
export function Audit() {
  const t = useT();
  const format = useFormat();
  const { principal, action, allowed } = useSearch({ from: '/security' });
  const navigate = useNavigate({ from: '/security' });
  const set = (change: { principal?: string; action?: string; allowed?: string }) =>
    navigate({ search: before => ({ ...before, ...change }), replace: true, resetScroll: false });
  const query = { principal, action, allowed: allowed === undefined ? undefined : allowed === 'true' };
  const events = useInfiniteQuery({
    queryKey: ['audit', query],
    queryFn: ({ pageParam }) => ask(api.GET('/api/v1/audit', { params: { query: { ...query, after: pageParam, limit: 100 } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: page => page.next ?? undefined,
  });
  const rows = (events.data?.pages ?? []).flatMap(page => page.items as Event[]);
  return (
    <>
      <Verify />
      <Panel
        title={t('security.tab.audit')}
        flush
        actions={
          <>
            <TextInput
              size="xs"
              aria-label={t('security.who')}
              placeholder={t('security.who')}
              defaultValue={principal}
              onBlur={event => set({ principal: event.currentTarget.value.trim() || undefined })}
              onKeyDown={event => event.key === 'Enter' && set({ principal: event.currentTarget.value.trim() || undefined })}
            />
            <TextInput
              size="xs"
              aria-label={t('security.action')}
              placeholder={t('security.action')}
              defaultValue={action}
              onBlur={event => set({ action: event.currentTarget.value.trim() || undefined })}
              onKeyDown={event => event.key === 'Enter' && set({ action: event.currentTarget.value.trim() || undefined })}
            />
            <NativeSelect
              size="xs"
              aria-label={t('security.outcome')}
              value={allowed ?? ''}
              onChange={event => set({ allowed: event.currentTarget.value || undefined })}
              data={[
                { value: '', label: t('security.all') },
                { value: 'true', label: t('ui.state.allowed') },
                { value: 'false', label: t('ui.state.refused') },
              ]}
            />
            <Commands
              lines={[
                ['dataux', 'dataux audit list'],
                ['curl', curl('GET', '/api/v1/audit')],
              ]}
            />
          </>
        }
      >
        {events.error && <ProblemView problem={Problem.of(events.error)} again={() => events.refetch()} />}
        {events.isPending && <Loading />}
        {events.data && rows.length === 0 && <EmptyView icon={IconFileSearch} title={t('security.noEvents')} />}
        {rows.length > 0 && (
          <List
            label={t('security.tab.audit')}
            rows={rows}
            id={({ id }) => id}
            fields={[
              { head: t('security.when'), narrow: true, cell: ({ at }) => <time dateTime={at}>{format.moment(at)}</time> },
              { head: t('security.who'), narrow: true, cell: event => event.principal },
              { head: t('security.action'), narrow: true, cell: event => <code>{event.action}</code> },
              {
                head: t('security.object'),
                cell: event => (
                  <details className={classes.detail}>
                    <summary>{event.object || (event.tables ?? []).join(', ') || '–'}</summary>
                    <pre>
                      {JSON.stringify(
                        {
                          tables: event.tables,
                          detail: event.detail,
                          error: event.error,
                          address: event.address,
                          trace_id: event.trace_id,
                        },
                        null,
                        2,
                      )}
                    </pre>
                  </details>
                ),
              },
              {
                head: t('security.outcome'),
                narrow: true,
                cell: event => <StateBadge state={event.allowed === false ? 'refused' : 'allowed'} />,
              },
              {
                head: t('security.rows'),
                number: true,
                extra: true,
                cell: event => (event.rows == null ? '' : format.number(event.rows)),
              },
              {
                head: t('security.took'),
                number: true,
                extra: true,
                cell: event => (event.millis == null ? '' : format.duration(event.millis)),
              },
            ]}
          />
        )}
        {events.hasNextPage && (
          <Button m="sm" size="xs" variant="default" loading={events.isFetchingNextPage} onClick={() => events.fetchNextPage()}>
            {t('ui.more')}
          </Button>
        )}
      </Panel>
    </>
  );
}
