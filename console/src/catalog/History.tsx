import { Button, Group } from '@mantine/core';
import { IconHistory } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { api, ask } from '../api/client';
import { useT } from '../app/locale';
import { Confirm } from '../ui/form/Confirm';
import { Moment } from '../ui/format/Moment';
import { useFormat } from '../ui/format/useFormat';
import { LinkButton } from '../ui/page/LinkButton';
import { List } from '../ui/page/List';
import { Panel } from '../ui/page/Panel';
import { Asked } from '../ui/state/Asked';
import { EmptyView } from '../ui/state/EmptyView';

interface Origin {
  principal?: string;
  pipeline?: string;
  step?: string;
  run?: string;
}

/** Every version of a table: who wrote it, a look at it, and the way back to it. */
export function History({ table, newest }: { table: string; newest: number }) {
  const t = useT();
  const format = useFormat();
  const client = useQueryClient();
  const [back, setBack] = useState<number>();
  const history = useQuery({
    queryKey: ['table', table, 'history'],
    queryFn: () => ask(api.GET('/api/v1/tables/{name}/history', { params: { path: { name: table }, query: { limit: 200 } } })),
  });
  const restore = async (version: number) => {
    await ask(api.POST('/api/v1/tables/{name}/restore', { params: { path: { name: table } }, body: { version } }));
    await client.invalidateQueries({ queryKey: ['table', table] });
  };
  return (
    <Panel title={t('catalog.tab.history')} lead={t('catalog.historyLead')} flush>
      <Asked query={history}>
        {({ items }) =>
          items.length === 0 ? (
            <EmptyView icon={IconHistory} title={t('catalog.noHistory')} />
          ) : (
            <List
              label={t('catalog.tab.history')}
              rows={items}
              id={({ version }) => String(version)}
              fields={[
                { head: t('catalog.version'), narrow: true, number: true, cell: ({ version }) => version },
                { head: t('catalog.written'), cell: ({ at }) => <Moment at={at} /> },
                { head: t('catalog.operation'), cell: ({ operation }) => <code>{operation}</code> },
                { head: t('catalog.rows'), number: true, cell: ({ rows }) => (rows == null ? '' : format.number(rows)) },
                {
                  head: t('catalog.origin'),
                  extra: true,
                  cell: ({ origin }) => <OriginView origin={(origin ?? {}) as Origin} />,
                },
                {
                  head: t('catalog.acts'),
                  narrow: true,
                  cell: ({ version }) => (
                    <Group gap="xs" wrap="nowrap">
                      <LinkButton
                        to="/catalog/$table"
                        params={{ table }}
                        search={{ tab: 'preview', version: String(version) }}
                        size="compact-xs"
                        variant="default"
                        aria-label={t('catalog.seeVersion', { version })}
                      >
                        {t('catalog.see')}
                      </LinkButton>
                      {version !== newest && (
                        <Button
                          size="compact-xs"
                          variant="default"
                          onClick={() => setBack(version)}
                          aria-label={t('catalog.restoreVersion', { version })}
                        >
                          {t('catalog.restore')}
                        </Button>
                      )}
                    </Group>
                  ),
                },
              ]}
            />
          )
        }
      </Asked>
      {back !== undefined && (
        <Confirm
          title={t('catalog.restoreVersion', { version: back })}
          text={t('catalog.restoreText', { table, version: back, next: newest + 1 })}
          act={t('catalog.restore')}
          close={() => setBack(undefined)}
          run={() => restore(back)}
        />
      )}
    </Panel>
  );
}

function OriginView({ origin: { principal, pipeline, step, run } }: { origin: Origin }) {
  return (
    <span>
      {principal}
      {pipeline && ' · '}
      {pipeline && run ? (
        <Link to="/runs/$id" params={{ id: run }} search={{}}>
          {pipeline}
          {step && `/${step}`}
        </Link>
      ) : (
        pipeline
      )}
    </span>
  );
}
