import {
  IconAlertTriangle,
  IconBan,
  IconCircleCheck,
  IconCircleX,
  IconClock,
  IconLoader2,
  IconPlayerSkipForward,
} from '@tabler/icons-react';
import { useT } from '../../app/locale';
import classes from './StateBadge.module.css';

const looks = {
  succeeded: { tone: 'good', icon: IconCircleCheck },
  failed: { tone: 'bad', icon: IconCircleX },
  running: { tone: 'run', icon: IconLoader2 },
  queued: { tone: 'idle', icon: IconClock },
  pending: { tone: 'idle', icon: IconClock },
  cancelled: { tone: 'warn', icon: IconBan },
  skipped: { tone: 'idle', icon: IconPlayerSkipForward },
  passed: { tone: 'good', icon: IconCircleCheck },
  warned: { tone: 'warn', icon: IconAlertTriangle },
  quarantined: { tone: 'warn', icon: IconAlertTriangle },
  stopped: { tone: 'bad', icon: IconCircleX },
  allowed: { tone: 'good', icon: IconCircleCheck },
  refused: { tone: 'bad', icon: IconBan },
} as const;

export type State = keyof typeof looks;

export function isState(text: string): text is State {
  return text in looks;
}

/** A state by word, icon and colour, never by colour alone. */
export function StateBadge({ state }: { state: string }) {
  const t = useT();
  if (!isState(state)) return <span className={classes.badge}>{state}</span>;
  const { tone, icon: Icon } = looks[state];
  return (
    <span className={classes.badge} data-tone={tone} data-state={state}>
      <Icon size={14} aria-hidden />
      {t(`ui.state.${state}`)}
    </span>
  );
}
