import type { ReactNode } from 'react';
import { useId } from 'react';
import classes from './Panel.module.css';

/** A part of a page. `flush`: what is inside reaches the border, as tables do. */
export function Panel(props: { title?: string; lead?: ReactNode; actions?: ReactNode; flush?: boolean; children: ReactNode }) {
  const { title, lead, actions, flush, children } = props;
  const id = useId();
  return (
    <section className={classes.panel} aria-labelledby={title ? id : undefined}>
      {title && (
        <header className={classes.head}>
          <h2 id={id}>{title}</h2>
          {lead && <div className={classes.lead}>{lead}</div>}
          {actions && <div className={classes.actions}>{actions}</div>}
        </header>
      )}
      <div className={flush ? undefined : classes.body}>{children}</div>
    </section>
  );
}
