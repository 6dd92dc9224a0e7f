import { Text, Title } from '@mantine/core';
import { IconChevronRight } from '@tabler/icons-react';
import { type ReactNode, useEffect } from 'react';
import classes from './Page.module.css';

/** A page's head: where it is, what it is called, what can be done. `above` are the links that lead here. */
export function Page(props: {
  title: string;
  name?: boolean;
  lead?: ReactNode;
  above?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}) {
  const { title, name, lead, above, actions, children } = props;
  useEffect(() => {
    document.title = `${title} · dataux`;
  }, [title]);
  return (
    <div className={classes.page}>
      <header className={classes.head}>
        <div className={classes.text}>
          {above && (
            <nav className={classes.above}>
              {above}
              <IconChevronRight size={14} aria-hidden />
            </nav>
          )}
          <Title order={1} className={name ? classes.name : undefined}>
            <bdi>{title}</bdi>
          </Title>
          {lead && (
            <Text component="div" size="sm" c="dimmed">
              {lead}
            </Text>
          )}
        </div>
        {actions && <div className={classes.actions}>{actions}</div>}
      </header>
      {children}
    </div>
  );
}
