import { IconApi, IconPlus } from '@tabler/icons-react';
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
import type { Service } from './service';

export function ServicesPage() {
  const t = useT();
  const services = useQuery(questions.resources('DataService'));
  const add = (
    <LinkButton to="/new/$kind" params={{ kind: 'DataService' }} search={{}} size="xs" leftSection={<IconPlus size={15} />}>
      {t('services.new')}
    </LinkButton>
  );
  return (
    <Page
      title={t('app.nav.services')}
      lead={t('services.lead')}
      actions={
        <>
          {add}
          <Commands
            lines={[
              ['dataux', 'dataux get services'],
              ['curl', curl('GET', '/api/v1/resources/DataService')],
            ]}
          />
        </>
      }
    >
      <Asked query={services}>
        {({ items }) =>
          items.length === 0 ? (
            <EmptyView
              icon={IconApi}
              title={t('services.empty.title')}
              text={t('services.empty.text')}
              command="dataux apply -f service.yaml"
            >
              {add}
            </EmptyView>
          ) : (
            <Panel flush>
              <List
                label={t('app.nav.services')}
                rows={items}
                id={({ name }) => name}
                fields={[
                  {
                    head: t('services.service'),
                    cell: ({ name }) => (
                      <Link to="/services/$name" params={{ name }} search={{}}>
                        <bdi>{name}</bdi>
                      </Link>
                    ),
                  },
                  { head: t('services.what'), cell: ({ spec }) => (spec as unknown as Service).description },
                  { head: t('services.address'), extra: true, cell: ({ name }) => <code>GET /services/{name}</code> },
                  {
                    head: t('services.parameters'),
                    extra: true,
                    cell: ({ spec }) => Object.keys((spec as unknown as Service).parameters ?? {}).join(', '),
                  },
                  {
                    head: t('services.changed'),
                    extra: true,
                    narrow: true,
                    cell: ({ updated_at, updated_by }) => (
                      <>
                        <Moment at={updated_at} /> · {updated_by}
                      </>
                    ),
                  },
                ]}
              />
            </Panel>
          )
        }
      </Asked>
    </Page>
  );
}
