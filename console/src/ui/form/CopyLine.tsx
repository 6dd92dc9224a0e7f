import { ActionIcon } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import { useT } from '../../app/locale';
import classes from './CopyLine.module.css';

/** A command or text to take away. */
export function CopyLine({ text }: { text: string }) {
  const t = useT();
  const { copied, copy } = useClipboard();
  return (
    <div className={classes.line}>
      <pre>{text}</pre>
      <ActionIcon
        variant="subtle"
        size="sm"
        color="gray"
        aria-label={copied ? t('ui.copied') : t('ui.copy')}
        onClick={() => copy(text)}
      >
        {copied ? <IconCheck size={15} /> : <IconCopy size={15} />}
      </ActionIcon>
    </div>
  );
}
