import { Link } from '@tanstack/react-router';
import type { Schemas } from '../api/client';
import { useT } from '../app/locale';
import { useFormat } from '../ui/format/useFormat';
import { isState } from '../ui/page/StateBadge';
import classes from './RunStrip.module.css';

/** Runs drawn. */
const drawnMax = 30;

/** The last runs, oldest first: state by colour and by form, length by height. */
export function RunStrip({ runs }: { runs: Schemas['Run'][] }) {
  const t = useT();
  const format = useFormat();
  const shown = runs.slice(0, drawnMax).reverse();
  const length = ({ started_at, finished_at }: Schemas['Run']) =>
    started_at ? (finished_at ? Date.parse(finished_at) : Date.now()) - Date.parse(started_at) : 0;
  const longest = Math.max(1, ...shown.map(length));
  const told = (run: Schemas['Run']) => {
    const state = isState(run.state) ? t(`ui.state.${run.state}`) : run.state;
    return `${state} · ${format.moment(run.created_at)} · ${format.duration(length(run))}`;
  };
  if (shown.length === 0) return null;
  return (
    <Link
      to="/runs"
      search={{ pipeline: shown[0]?.pipeline }}
      className={classes.strip}
      aria-label={t('pipelines.runsOf', { count: shown.length })}
    >
      {shown.map(run => (
        <span key={run.id} data-state={run.state} title={told(run)} style={{ height: `${20 + (length(run) / longest) * 80}%` }} />
      ))}
    </Link>
  );
}
