import { TextInput } from '@mantine/core';
import { IconFolderOpen, IconPencil, IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { api, ask, type Schemas } from '../api/client';
import * as questions from '../api/questions';
import { useT } from '../app/locale';
import { Commands } from '../ui/form/Commands';
import { CopyLine } from '../ui/form/CopyLine';
import { curl, quoted } from '../ui/form/shell';
import { Moment } from '../ui/format/Moment';
import { useFormat } from '../ui/format/useFormat';
import { Facts } from '../ui/page/Facts';
import { LinkButton } from '../ui/page/LinkButton';
import { List } from '../ui/page/List';
import { Page } from '../ui/page/Page';
import { Panel } from '../ui/page/Panel';
import { Segments } from '../ui/page/Segments';
import { Asked } from '../ui/state/Asked';
import { EmptyView } from '../ui/state/EmptyView';
import { Check } from './Check';
import { connectorOf, whereOf } from './connection';

/** Most tables or files drawn at once. */
const drawnMax = 300;

export function ConnectionPage() {
  const t = useT();
  const { name } = useParams({ from: '/connections/$name' });
  const { tab = 'browse', q = '' } = useSearch({ from: '/connections/$name' });
  const navigate = useNavigate({ from: '/connections/$name' });
  const connection = useQuery(questions.resource('Connection', name));
  const objects = useQuery({
    queryKey: ['connection', name, 'objects'],
    queryFn: () => ask(api.GET('/api/v1/connections/{name}/objects', { params: { path: { name } } })),
    staleTime: 30_000,
  });
  const parts = (['browse', 'yaml'] as const).map(part => ({
    to: `/connections/${encodeURIComponent(name)}`,
    search: part === 'browse' ? {} : { tab: part },
    here: tab === part,
    text: t(`connections.part.${part}`),
  }));
  return (
    <Page
      title={name}
      name
      above={<Link to="/connections">{t('app.nav.connections')}</Link>}
      lead={String((connection.data?.spec as Record<string, unknown> | undefined)?.description ?? '')}
      actions={
        <>
          <LinkButton
            to="/edit/$kind/$name"
            params={{ kind: 'Connection', name }}
            size="xs"
            variant="default"
            leftSection={<IconPencil size={15} />}
          >
            {t('ui.edit')}
          </LinkButton>
          <Commands
            lines={[
              ['dataux', `dataux get connection ${quoted(name)} -o yaml`],
              ['curl', curl('POST', `/api/v1/connections/${encodeURIComponent(name)}/check`)],
            ]}
          />
        </>
      }
    >
      <Asked query={connection}>
        {data => (
          <>
            <Panel>
              <Facts
                facts={[
                  [t('connections.kind'), <code key="k">{connectorOf(data.spec)}</code>],
                  [t('connections.where'), <code key="w">{whereOf(data.spec)}</code>],
                  [t('connections.changed'), <Moment key="m" at={data.updated_at} />],
                  [t('connections.by'), data.updated_by],
                  [t('connections.test'), <Check key="c" name={name} wide />],
                ]}
              />
            </Panel>
            <Segments label={name} parts={parts} />
            {tab === 'browse' && (
              <Panel
                title={t('connections.part.browse')}
                lead={objects.data && t('connections.found', { count: objects.data.items.length })}
                flush
                actions={
                  <TextInput
                    size="xs"
                    aria-label={t('connections.search')}
                    placeholder={t('connections.search')}
                    leftSection={<IconSearch size={14} aria-hidden />}
                    value={q}
                    onChange={event =>
                      navigate({ search: { q: event.currentTarget.value || undefined }, replace: true, resetScroll: false })
                    }
                  />
                }
              >
                <Asked query={objects}>
                  {({ items }) =>
                    items.length === 0 ? (
                      <EmptyView icon={IconFolderOpen} title={t('connections.nothing')} />
                    ) : (
                      <Objects
                        connection={name}
                        live={connectorOf(data.spec) !== 'files'}
                        objects={items.filter(one => `${one.schema}.${one.name}`.toLowerCase().includes(q.toLowerCase()))}
                      />
                    )
                  }
                </Asked>
              </Panel>
            )}
            {tab === 'yaml' && (
              <Panel title="YAML">
                <CopyLine text={data.text} />
              </Panel>
            )}
          </>
        )}
      </Asked>
    </Page>
  );
}

function Objects({ connection, live, objects }: { connection: string; live: boolean; objects: Schemas['SourceObject'][] }) {
  const t = useT();
  const format = useFormat();
  return (
    <List
      label={t('connections.part.browse')}
      rows={objects.slice(0, drawnMax)}
      id={({ schema, name }) => `${schema} ${name}`}
      fields={[
        {
          head: t('connections.object'),
          cell: ({ schema, name }) =>
            live ? (
              <Link to="/catalog/$table" params={{ table: `${connection}.${schema}.${name}` }} search={{ tab: 'preview' }}>
                <bdi>{name}</bdi>
              </Link>
            ) : (
              <bdi>{name}</bdi>
            ),
        },
        { head: t('connections.schema'), cell: ({ schema }) => schema },
        { head: t('connections.rows'), number: true, cell: ({ rows }) => (rows == null ? '' : format.number(rows)) },
      ]}
    />
  );
}
