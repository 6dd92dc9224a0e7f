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
  return (
    <ol className={classes.strip} aria-label={t('pipelines.lastRuns')}>
      {shown.map(run => {
        const state = isState(run.state) ? t(`ui.state.${run.state}`) : run.state;
        const title = `${state} · ${format.moment(run.created_at)} · ${format.duration(length(run))}`;
        return (
          <li key={run.id}>
            <Link to="/runs/$id" params={{ id: run.id }} search={{}} aria-label={title} title={title} data-state={run.state}>
              <span style={{ height: `${20 + (length(run) / longest) * 80}%` }} />
            </Link>
          </li>
        );
      })}
    </ol>
  );
}
