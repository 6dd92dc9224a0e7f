import { IconPlugConnected, IconPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import * as questions from '../api/questions';
import { useT } from '../app/locale';
import { Commands } from '../ui/form/Commands';
import { curl } from '../ui/form/shell';
import { Moment } from '../ui/format/Moment';
import { LinkButton } from '../ui/page/LinkButton';
import { List } from '../ui/page/List';
import { Page } from '../ui/page/Page';
import { Panel } from '../ui/page/Panel';
import { Asked } from '../ui/state/Asked';
import { EmptyView } from '../ui/state/EmptyView';
import { Check } from './Check';
import { connectorOf, whereOf } from './connection';

export function ConnectionsPage() {
  const t = useT();
  const connections = useQuery(questions.resources('Connection'));
  const add = (
    <LinkButton to="/new/$kind" params={{ kind: 'Connection' }} search={{}} size="xs" leftSection={<IconPlus size={15} />}>
      {t('connections.new')}
    </LinkButton>
  );
  return (
    <Page
      title={t('app.nav.connections')}
      lead={t('connections.lead')}
      actions={
        <>
          {add}
          <Commands
            lines={[
              ['dataux', 'dataux get connections'],
              ['curl', curl('GET', '/api/v1/resources/Connection')],
            ]}
          />
        </>
      }
    >
      <Asked query={connections}>
        {({ items }) =>
          items.length === 0 ? (
            <EmptyView
              icon={IconPlugConnected}
              title={t('connections.empty.title')}
              text={t('connections.empty.text')}
              command="dataux apply -f connection.yaml"
            >
              {add}
            </EmptyView>
          ) : (
            <Panel flush>
              <List
                label={t('app.nav.connections')}
                rows={items}
                id={({ name }) => name}
                fields={[
                  {
                    head: t('connections.connection'),
                    cell: ({ name }) => (
                      <Link to="/connections/$name" params={{ name }} search={{}}>
                        <bdi>{name}</bdi>
                      </Link>
                    ),
                  },
                  { head: t('connections.kind'), narrow: true, cell: ({ spec }) => <code>{connectorOf(spec)}</code> },
                  { head: t('connections.where'), extra: true, cell: ({ spec }) => <code>{whereOf(spec)}</code> },
                  {
                    head: t('connections.what'),
                    extra: true,
                    cell: ({ spec }) => String((spec as Record<string, unknown>).description ?? ''),
                  },
                  {
                    head: t('connections.changed'),
                    extra: true,
                    narrow: true,
                    cell: ({ updated_at }) => <Moment at={updated_at} />,
                  },
                  { head: t('connections.test'), narrow: true, cell: ({ name }) => <Check name={name} /> },
                ]}
              />
            </Panel>
          )
        }
      </Asked>
    </Page>
  );
}
