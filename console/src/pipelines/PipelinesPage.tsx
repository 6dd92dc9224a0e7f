import { Button } from '@mantine/core';
import { IconPlayerPlay, IconPlus, IconSitemap } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { Schemas } from '../api/client';
import * as questions from '../api/questions';
import { useT } from '../app/locale';
import { Commands } from '../ui/form/Commands';
import { curl } from '../ui/form/shell';
import { Moment } from '../ui/format/Moment';
import { LinkButton } from '../ui/page/LinkButton';
import { List } from '../ui/page/List';
import { Page } from '../ui/page/Page';
import { Panel } from '../ui/page/Panel';
import { StateBadge } from '../ui/page/StateBadge';
import { Asked } from '../ui/state/Asked';
import { EmptyView } from '../ui/state/EmptyView';
import { RunStrip } from './RunStrip';
import { Start } from './Start';
import { Tabs } from './Tabs';

/** Runs asked for at once, over all pipelines. */
const runsMax = 500;

export function PipelinesPage() {
  const t = useT();
  const [start, setStart] = useState<Schemas['Resource']>();
  const pipelines = useQuery(questions.resources('Pipeline'));
  const schedules = useQuery(questions.resources('Schedule'));
  const runs = useQuery(questions.runs({ limit: runsMax }));
  const of = (name: string) => (runs.data?.items ?? []).filter(({ pipeline }) => pipeline === name);
  const when = (name: string) =>
    (schedules.data?.items ?? [])
      .map(({ spec }) => spec as { pipeline?: string; cron?: string; time_zone?: string })
      .filter(({ pipeline }) => pipeline === name)
      .map(({ cron, time_zone }) => [cron, time_zone].filter(Boolean).join(' '));
  return (
    <Page
      title={t('app.nav.pipelines')}
      lead={t('pipelines.lead')}
      actions={
        <>
          <LinkButton to="/new/$kind" params={{ kind: 'Pipeline' }} search={{}} size="xs" leftSection={<IconPlus size={15} />}>
            {t('pipelines.new')}
          </LinkButton>
          <Commands
            lines={[
              ['dataux', 'dataux get pipelines'],
              ['curl', curl('GET', '/api/v1/resources/Pipeline')],
            ]}
          />
        </>
      }
    >
      <Tabs />
      <Asked query={pipelines}>
        {({ items }) =>
          items.length === 0 ? (
            <EmptyView
              icon={IconSitemap}
              title={t('pipelines.empty.title')}
              text={t('pipelines.empty.text')}
              command="dataux apply -f pipeline.yaml"
            >
              <LinkButton to="/new/$kind" params={{ kind: 'Pipeline' }} search={{}}>
                {t('pipelines.new')}
              </LinkButton>
            </EmptyView>
          ) : (
            <Panel flush>
              <List
                label={t('app.nav.pipelines')}
                rows={items}
                id={({ name }) => name}
                fields={[
                  {
                    head: t('pipelines.pipeline'),
                    cell: ({ name }) => (
                      <Link to="/pipelines/$name" params={{ name }} search={{}}>
                        <bdi>{name}</bdi>
                      </Link>
                    ),
                  },
                  { head: t('pipelines.what'), extra: true, cell: ({ spec }) => (spec as { description?: string }).description },
                  {
                    head: t('pipelines.schedule'),
                    extra: true,
                    cell: ({ name }) => when(name).map(text => <code key={text}>{text}</code>),
                  },
                  { head: t('pipelines.lastRuns'), narrow: true, extra: true, cell: ({ name }) => <RunStrip runs={of(name)} /> },
                  {
                    head: t('pipelines.last'),
                    narrow: true,
                    cell: ({ name }) => {
                      const last = of(name)[0];
                      return last ? (
                        <Link to="/runs/$id" params={{ id: last.id }} search={{}}>
                          <StateBadge state={last.state} /> <Moment at={last.created_at} />
                        </Link>
                      ) : (
                        t('pipelines.never')
                      );
                    },
                  },
                  {
                    head: t('pipelines.acts'),
                    narrow: true,
                    cell: pipeline => (
                      <Button
                        size="compact-xs"
                        variant="default"
                        leftSection={<IconPlayerPlay size={13} />}
                        onClick={() => setStart(pipeline)}
                        aria-label={t('pipelines.runIt', { name: pipeline.name })}
                      >
                        {t('pipelines.run')}
                      </Button>
                    ),
                  },
                ]}
              />
            </Panel>
          )
        }
      </Asked>
      {start && <Start pipeline={start} close={() => setStart(undefined)} />}
    </Page>
  );
}
