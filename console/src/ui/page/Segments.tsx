import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import classes from './Segments.module.css';

/** The parts of a page, each with an address of its own. */
export function Segments({
  label,
  parts,
}: {
  label: string;
  parts: { to: string; search?: Record<string, string | undefined>; here: boolean; text: ReactNode }[];
}) {
  return (
    <nav className={classes.bar} aria-label={label}>
      {parts.map(({ to, search, here, text }) => (
        <Link
          key={`${to} ${JSON.stringify(search)}`}
          to={to}
          search={search ?? {}}
          className={classes.part}
          data-here={here || undefined}
          aria-current={here ? 'page' : undefined}
          resetScroll={false}
        >
          {text}
        </Link>
      ))}
    </nav>
  );
}
