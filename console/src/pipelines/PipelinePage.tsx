import { Button } from '@mantine/core';
import { IconPencil, IconPlayerPlay } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import * as questions from '../api/questions';
import { useT } from '../app/locale';
import { Commands } from '../ui/form/Commands';
import { CopyLine } from '../ui/form/CopyLine';
import { curl, quoted } from '../ui/form/shell';
import { Moment } from '../ui/format/Moment';
import { LinkButton } from '../ui/page/LinkButton';
import { Page } from '../ui/page/Page';
import { Panel } from '../ui/page/Panel';
import { Segments } from '../ui/page/Segments';
import { Asked } from '../ui/state/Asked';
import { RunList } from './RunList';
import { Start } from './Start';
import { Steps } from './Steps';

export function PipelinePage() {
  const t = useT();
  const { name } = useParams({ from: '/pipelines/$name' });
  const { tab = 'steps' } = useSearch({ from: '/pipelines/$name' });
  const [starting, setStarting] = useState(false);
  const pipeline = useQuery(questions.resource('Pipeline', name));
  const runs = useQuery(questions.runs({ pipeline: name, limit: 50 }));
  const parts = (['steps', 'runs', 'yaml'] as const).map(part => ({
    to: `/pipelines/${encodeURIComponent(name)}`,
    search: part === 'steps' ? {} : { tab: part },
    here: tab === part,
    text: t(`pipelines.part.${part}`),
  }));
  return (
    <Page
      title={name}
      name
      above={<Link to="/pipelines">{t('app.nav.pipelines')}</Link>}
      lead={(pipeline.data?.spec as { description?: string } | undefined)?.description}
      actions={
        <>
          <Button
            size="xs"
            leftSection={<IconPlayerPlay size={15} />}
            onClick={() => setStarting(true)}
            disabled={!pipeline.data}
          >
            {t('pipelines.run')}
          </Button>
          <LinkButton
            to="/edit/$kind/$name"
            params={{ kind: 'Pipeline', name }}
            size="xs"
            variant="default"
            leftSection={<IconPencil size={15} />}
          >
            {t('ui.edit')}
          </LinkButton>
          <Commands
            lines={[
              ['dataux', `dataux run ${quoted(name)}`],
              ['curl', curl('POST', `/api/v1/pipelines/${encodeURIComponent(name)}/runs`, {})],
            ]}
          />
        </>
      }
    >
      <Asked query={pipeline}>
        {data => (
          <>
            <Segments label={name} parts={parts} />
            {tab === 'steps' && <Steps pipeline={name} />}
            {tab === 'runs' && (
              <Panel title={t('pipelines.tab.runs')} flush>
                <Asked query={runs}>{page => <RunList runs={page.items} />}</Asked>
              </Panel>
            )}
            {tab === 'yaml' && (
              <Panel
                title="YAML"
                lead={
                  <>
                    {t('ui.changed', { user: data.updated_by })} <Moment at={data.updated_at} />
                  </>
                }
              >
                <CopyLine text={data.text} />
              </Panel>
            )}
            {starting && <Start pipeline={data} close={() => setStarting(false)} />}
          </>
        )}
      </Asked>
    </Page>
  );
}
