import { IconShieldCheck } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import * as questions from '../api/questions';
import { useT } from '../app/locale';
import { Commands } from '../ui/form/Commands';
import { curl } from '../ui/form/shell';
import { useFormat } from '../ui/format/useFormat';
import { List } from '../ui/page/List';
import { Page } from '../ui/page/Page';
import { Panel } from '../ui/page/Panel';
import { Asked } from '../ui/state/Asked';
import { EmptyView } from '../ui/state/EmptyView';
import { Tabs } from './Tabs';

export function QuarantinePage() {
  const t = useT();
  const format = useFormat();
  const quarantine = useQuery(questions.quarantine);
  return (
    <Page
      title={t('pipelines.tab.quarantine')}
      lead={t('pipelines.quarantineLead')}
      actions={
        <Commands
          lines={[
            ['dataux', 'dataux quarantine list'],
            ['curl', curl('GET', '/api/v1/quarantine')],
          ]}
        />
      }
    >
      <Tabs />
      <Asked query={quarantine}>
        {({ items }) =>
          items.length === 0 ? (
            <EmptyView
              icon={IconShieldCheck}
              title={t('pipelines.clean.title')}
              text={t('pipelines.clean.text')}
              command="dataux quarantine list"
            />
          ) : (
            <Panel flush>
              <List
                label={t('pipelines.tab.quarantine')}
                rows={items}
                id={({ table, run, step, cause }) => [table, run, step, cause].join(' ')}
                fields={[
                  {
                    head: t('pipelines.table'),
                    cell: ({ table, run, cause }) => (
                      <Link
                        to="/quarantine/$table"
                        params={{ table }}
                        search={{ run: run ?? undefined, cause: cause ?? undefined }}
                      >
                        <bdi>{table}</bdi>
                      </Link>
                    ),
                  },
                  { head: t('pipelines.cause'), cell: ({ cause }) => <code>{cause}</code> },
                  { head: t('pipelines.records'), number: true, cell: ({ records }) => format.number(records) },
                  { head: t('pipelines.step'), extra: true, cell: ({ step }) => step },
                  {
                    head: t('pipelines.theRun'),
                    extra: true,
                    cell: ({ run }) =>
                      run && (
                        <Link to="/runs/$id" params={{ id: run }} search={{}}>
                          {run.slice(0, 13)}…
                        </Link>
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
