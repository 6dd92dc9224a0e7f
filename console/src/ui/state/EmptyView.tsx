import { Text, Title } from '@mantine/core';
import type { Icon } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { CopyLine } from '../form/CopyLine';
import classes from './EmptyView.module.css';

/** What belongs here, how it comes here, and the same as a command. */
export function EmptyView(props: { icon: Icon; title: string; text?: string; command?: string; children?: ReactNode }) {
  const { icon: Icon, title, text, command, children } = props;
  return (
    <div className={classes.box}>
      <span className={classes.icon}>
        <Icon size={28} stroke={1.5} aria-hidden />
      </span>
      <Title order={2}>{title}</Title>
      {text && (
        <Text c="dimmed" size="sm" maw="36rem">
          {text}
        </Text>
      )}
      {children}
      {command && <CopyLine text={command} />}
    </div>
  );
}
