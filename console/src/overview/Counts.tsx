import { IconApi, IconDatabase, IconPlugConnected, IconSitemap } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import * as questions from '../api/questions';
import { useT } from '../app/locale';
import { useFormat } from '../ui/format/useFormat';
import classes from './Counts.module.css';

/** What there is, each number a way in. */
export function Counts() {
  const t = useT();
  const format = useFormat();
  const tables = useQuery(questions.tables);
  const connections = useQuery(questions.resources('Connection'));
  const pipelines = useQuery(questions.resources('Pipeline'));
  const services = useQuery(questions.resources('DataService'));
  const cards = [
    {
      to: '/catalog',
      key: 'overview.tables',
      icon: IconDatabase,
      count: tables.data?.items.filter(({ kind }) => kind !== 'quarantine').length,
    },
    { to: '/connections', key: 'overview.connections', icon: IconPlugConnected, count: connections.data?.items.length },
    { to: '/pipelines', key: 'overview.pipelines', icon: IconSitemap, count: pipelines.data?.items.length },
    { to: '/services', key: 'overview.services', icon: IconApi, count: services.data?.items.length },
  ] as const;
  return (
    <ul className={classes.cards}>
      {cards.map(({ to, key, icon: Icon, count }) => (
        <li key={to}>
          <Link to={to} className={classes.card}>
            <span className={classes.icon}>
              <Icon size={20} stroke={1.7} aria-hidden />
            </span>
            <span>
              <strong>{count === undefined ? '–' : format.number(count)}</strong>
              <span>{t(key, { count: count ?? 0 })}</span>
            </span>
          </Link>
        </li>
      ))}
    </ul>
  );
}
