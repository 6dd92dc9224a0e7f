import { Link, useLocation } from '@tanstack/react-router';
import { useT } from './locale';
import classes from './Nav.module.css';
import { places } from './places';

export function Nav() {
  const t = useT();
  const { pathname } = useLocation();
  return (
    <ul className={classes.list}>
      {places.map(({ to, key, icon: Icon, also }) => {
        const here =
          to === '/' ? pathname === '/' : [to, ...also].some(place => pathname === place || pathname.startsWith(`${place}/`));
        return (
          <li key={to}>
            <Link to={to} className={classes.item} data-here={here || undefined} aria-current={here ? 'page' : undefined}>
              <Icon size={18} stroke={1.7} aria-hidden />
              {t(key)}
            </Link>
          </li>
        );
      })}
    </ul>
  );
}
