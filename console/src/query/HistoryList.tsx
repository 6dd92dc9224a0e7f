import { Modal } from '@mantine/core';
import { IconClockHour4 } from '@tabler/icons-react';
import { useT } from '../app/locale';
import { Moment } from '../ui/format/Moment';
import { useFormat } from '../ui/format/useFormat';
import { EmptyView } from '../ui/state/EmptyView';
import classes from './HistoryList.module.css';
import type { Past } from './history';

/** What was run from this browser; choosing one puts it into the editor. */
export function HistoryList({ past, close, use }: { past: Past[]; close: () => void; use: (sql: string) => void }) {
  const t = useT();
  const format = useFormat();
  return (
    <Modal opened onClose={close} title={t('query.history')} size="xl" closeButtonProps={{ 'aria-label': t('ui.close') }}>
      {past.length === 0 && <EmptyView icon={IconClockHour4} title={t('query.noHistory')} />}
      <ul className={classes.list}>
        {past.map(({ sql, at, rows, millis, state }) => (
          <li key={sql}>
            <button
              type="button"
              onClick={() => {
                use(`${sql}\n`);
                close();
              }}
            >
              <code>{sql}</code>
              <span>
                {t(`query.state.${state}`)}
                {rows !== null && ` · ${t('query.status.rows', { rows })}`} · {format.duration(millis)} · <Moment at={at} />
              </span>
            </button>
          </li>
        ))}
      </ul>
    </Modal>
  );
}
