import { NativeSelect, Switch } from '@mantine/core';
import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import { useT } from '../app/locale';
import { useFormat } from '../ui/format/useFormat';
import { fullHeight, rowHeight, shownRows } from '../ui/grid/window';
import { Panel } from '../ui/page/Panel';
import { ProblemView } from '../ui/state/ProblemView';
import classes from './Log.module.css';
import { useLog } from './useLog';

interface Props {
  run: string;
  live: boolean;
  step: string | undefined;
  level: string | undefined;
  steps: string[];
  set: (change: { step?: string; level?: string }) => void;
}

/** A run's log as it is written. It follows the end until one scrolls away from it, and then holds its place. */
export function Log({ run, live, step, level, steps, set }: Props) {
  const t = useT();
  const format = useFormat();
  const { lines, problem, again } = useLog(run, live);
  const shown = lines.filter(
    line => (!step || line.step === step) && (!level || line.level === level || (level === 'warn' && line.level === 'error')),
  );
  const box = useRef<HTMLDivElement>(null);
  const [place, setPlace] = useState({ top: 0, view: 320 });
  const [follow, setFollow] = useState(true);

  // biome-ignore lint/correctness/useExhaustiveDependencies: new lines are the reason
  useLayoutEffect(() => {
    if (follow && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [follow, shown.length]);
  useEffect(() => {
    const watched = new ResizeObserver(
      () => box.current && setPlace({ top: box.current.scrollTop, view: box.current.clientHeight }),
    );
    if (box.current) watched.observe(box.current);
    return () => watched.disconnect();
  }, []);

  const scrolled = () => {
    const at = box.current;
    if (!at) return;
    setPlace({ top: at.scrollTop, view: at.clientHeight });
    setFollow(at.scrollHeight - at.scrollTop - at.clientHeight < rowHeight);
  };
  const { from, to, top } = shownRows(shown.length, place.top, place.view);
  return (
    <Panel
      title={t('pipelines.log')}
      lead={t('pipelines.lines', { count: shown.length })}
      flush
      actions={
        <>
          <NativeSelect
            size="xs"
            aria-label={t('pipelines.step')}
            value={step ?? ''}
            onChange={event => set({ step: event.currentTarget.value || undefined })}
            data={[{ value: '', label: t('pipelines.allSteps') }, ...steps]}
          />
          <NativeSelect
            size="xs"
            aria-label={t('pipelines.level')}
            value={level ?? ''}
            onChange={event => set({ level: event.currentTarget.value || undefined })}
            data={[
              { value: '', label: t('pipelines.allLevels') },
              { value: 'warn', label: t('pipelines.warnings') },
              { value: 'error', label: t('pipelines.errors') },
            ]}
          />
          <Switch
            size="xs"
            label={t('pipelines.follow')}
            checked={follow}
            onChange={event => setFollow(event.currentTarget.checked)}
          />
        </>
      }
    >
      {problem && <ProblemView problem={problem} again={again} />}
      <div
        ref={box}
        className={classes.box}
        role="log"
        tabIndex={0}
        aria-label={t('pipelines.log')}
        aria-live="off"
        onScroll={scrolled}
      >
        <div className={classes.all} style={{ height: Math.max(fullHeight(shown.length), rowHeight) }}>
          <div className={classes.seen} style={{ height: Math.min(place.view, Math.max(fullHeight(shown.length), rowHeight)) }}>
            <div style={{ transform: `translateY(${top}px)` }}>
              {shown.slice(from, to).map(line => (
                <div key={line.seq} className={classes.line} data-level={line.level} style={{ height: rowHeight }}>
                  <time dateTime={line.at}>{format.clock(line.at)}</time>
                  <span className={classes.level}>{line.level}</span>
                  {line.step && <span className={classes.step}>{line.step}</span>}
                  <span>{line.text}</span>
                </div>
              ))}
              {shown.length === 0 && <div className={classes.line}>{live ? t('pipelines.waiting') : t('pipelines.noLines')}</div>}
            </div>
          </div>
        </div>
      </div>
    </Panel>
  );
}
