import { Button, Menu } from '@mantine/core';
import {
  IconChevronDown,
  IconClockHour4,
  IconDownload,
  IconPlayerPlayFilled,
  IconPlayerStopFilled,
  IconRoute,
  IconShare2,
} from '@tabler/icons-react';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useT } from '../app/locale';
import { Commands } from '../ui/form/Commands';
import { curl, quoted } from '../ui/form/shell';
import { Export } from './Export';
import { HistoryList } from './HistoryList';
import type { Past } from './history';
import { serviceOf, stepOf } from './saveAs';
import { statements } from './statements';
import classes from './Toolbar.module.css';

interface Props {
  running: boolean;
  text: string;
  past: Past[];
  parameters: string[];
  run: () => void;
  plan: () => void;
  cancel: () => void;
  use: (text: string) => void;
}

export function Toolbar({ running, text, past, parameters, run, plan, cancel, use }: Props) {
  const t = useT();
  const navigate = useNavigate();
  const [open, setOpen] = useState<'history' | 'export'>();
  const empty = statements(text).length === 0;
  const last = statements(text).at(-1)?.text ?? '';
  const declare = (kind: string, document: string) =>
    navigate({ to: '/new/$kind', params: { kind }, search: { text: document } });
  return (
    <div className={classes.bar}>
      <Button
        size="xs"
        leftSection={<IconPlayerPlayFilled size={14} />}
        onClick={run}
        disabled={empty}
        aria-keyshortcuts="Control+Enter"
      >
        {t('query.run')}
      </Button>
      <Button size="xs" variant="default" leftSection={<IconPlayerStopFilled size={14} />} onClick={cancel} disabled={!running}>
        {t('query.cancel')}
      </Button>
      <Button size="xs" variant="default" leftSection={<IconRoute size={14} />} onClick={plan} disabled={empty || running}>
        {t('query.plan')}
      </Button>
      <div className={classes.more}>
        <Button size="xs" variant="subtle" leftSection={<IconClockHour4 size={15} />} onClick={() => setOpen('history')}>
          {t('query.history')}
        </Button>
        <Menu position="bottom-end" withArrow>
          <Menu.Target>
            <Button
              size="xs"
              variant="subtle"
              rightSection={<IconChevronDown size={14} />}
              disabled={empty}
              leftSection={<IconShare2 size={15} />}
            >
              {t('query.use')}
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item onClick={() => declare('DataService', serviceOf(last, parameters))}>{t('query.asService')}</Menu.Item>
            <Menu.Item onClick={() => declare('Pipeline', stepOf(last))}>{t('query.asStep')}</Menu.Item>
            <Menu.Item
              onClick={() => navigator.clipboard?.writeText(`${location.origin}/console/query?sql=${encodeURIComponent(text)}`)}
            >
              {t('query.copyLink')}
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
        <Button
          size="xs"
          variant="subtle"
          leftSection={<IconDownload size={15} />}
          disabled={empty}
          onClick={() => setOpen('export')}
        >
          {t('query.export')}
        </Button>
        <Commands
          lines={[
            ['dataux', `dataux sql -c ${quoted(last)}`],
            ['curl', curl('POST', '/api/v1/sql', { sql: last })],
          ]}
        />
      </div>
      {open === 'history' && <HistoryList past={past} close={() => setOpen(undefined)} use={use} />}
      {open === 'export' && <Export sql={last} close={() => setOpen(undefined)} />}
    </div>
  );
}
