import { ActionIcon } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import { useT } from '../../app/locale';
import classes from './Grid.module.css';

/** The whole value of the cell under the cursor. */
export function CellBar({ name, row, text }: { name: string; row: number; text: string | null }) {
  const t = useT();
  const { copied, copy } = useClipboard();
  return (
    <div className={classes.bar}>
      <span className={classes.barName}>
        <bdi>{name}</bdi> · {row + 1}
      </span>
      <section
        tabIndex={0}
        className={classes.barText}
        data-null={text === null || undefined}
        aria-label={name || t('ui.grid.value')}
      >
        <bdi>{text === null ? 'NULL' : text === '' ? t('ui.grid.empty') : text}</bdi>
      </section>
      <ActionIcon
        variant="subtle"
        size="sm"
        color="gray"
        aria-label={copied ? t('ui.copied') : t('ui.copy')}
        onClick={() => copy(text ?? '')}
      >
        {copied ? <IconCheck size={15} /> : <IconCopy size={15} />}
      </ActionIcon>
    </div>
  );
}
