import { useT } from '../app/locale';
import classes from './KindBadge.module.css';

/** Where a table lives. */
export function KindBadge({ kind }: { kind: string }) {
  const t = useT();
  const known = kind === 'table' || kind === 'live' || kind === 'quarantine';
  return (
    <span className={classes.badge} data-kind={kind}>
      {known ? t(`catalog.kind.${kind}`) : kind}
    </span>
  );
}
