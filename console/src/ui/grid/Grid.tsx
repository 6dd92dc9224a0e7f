import { type KeyboardEvent, useCallback, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { useT } from '../../app/locale';
import { CellBar } from './CellBar';
import classes from './Grid.module.css';
import { Header } from './Header';
import { Line } from './Line';
import { moved } from './moves';
import { fullHeight, places, rowHeight, scrollTo, shownColumns, shownRows, widthFor } from './window';

/** What a grid shows. The object may stay the same while `count` grows; then `version` has to change. */
export interface Source {
  columns: { name: string; type: string; number: boolean }[];
  count: number;
  text: (row: number, column: number) => string | null;
}

/** Rows looked at for the widths of columns. */
const sample = 60;

/** Width of the column of row numbers. */
const numbersWidth = 64;

/** Rows of any number, drawn where they are seen; keys move a cursor over cells. */
export function Grid({ label, source, version, fill }: { label: string; source: Source; version: number; fill?: boolean }) {
  const t = useT();
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const frame = useRef(0);
  const [place, setPlace] = useState({ top: 0, left: 0, height: 400, width: 800 });
  const [cursor, setCursor] = useState<{ row: number; column: number }>();
  const [dragged, setDragged] = useState<Record<number, number>>({});

  const look = useCallback(() => {
    cancelAnimationFrame(frame.current);
    frame.current = requestAnimationFrame(() => {
      const at = box.current;
      if (at) setPlace({ top: at.scrollTop, left: at.scrollLeft, height: at.clientHeight - rowHeight, width: at.clientWidth });
    });
  }, []);
  useLayoutEffect(() => {
    const watched = new ResizeObserver(look);
    if (box.current) watched.observe(box.current);
    return () => {
      watched.disconnect();
      cancelAnimationFrame(frame.current);
    };
  }, [look]);

  // A new answer begins at its beginning.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the source is the reason
  useEffect(() => {
    setCursor(undefined);
    setDragged({});
    box.current?.scrollTo(0, 0);
  }, [source]);

  const sampled = Math.min(source.count, sample);
  const widths = useMemo(
    () =>
      source.columns.map(({ name }, column) => {
        let longest = places(name) + 1;
        for (let row = 0; row < sampled; row += 1)
          longest = Math.max(longest, places((source.text(row, column) ?? 'NULL').slice(0, 60)));
        return widthFor(longest);
      }),
    [source, sampled, source.columns],
  );
  const starts = useMemo(() => {
    const all = [numbersWidth];
    for (const [column, width] of widths.entries()) all.push((all[column] ?? 0) + (dragged[column] ?? width));
    return all;
  }, [widths, dragged]);

  const { from, to, top } = shownRows(source.count, place.top, place.height);
  const [first, behind] = shownColumns(starts, place.left + numbersWidth, place.width - numbersWidth);
  const full = starts.at(-1) ?? 0;

  const go = (row: number, column: number) => {
    setCursor({ row, column });
    const at = box.current;
    if (!at) return;
    const start = starts[column] ?? 0;
    const end = starts[column + 1] ?? start;
    if (start - numbersWidth < at.scrollLeft) at.scrollLeft = start - numbersWidth;
    else if (end > at.scrollLeft + at.clientWidth) at.scrollLeft = Math.min(start - numbersWidth, end - at.clientWidth);
    at.scrollTop = scrollTo(source.count, row, at.scrollTop, at.clientHeight - rowHeight);
  };
  const key = (event: KeyboardEvent) => {
    if (source.count === 0) return;
    if (cursor && event.key === 'c' && (event.ctrlKey || event.metaKey) && String(getSelection()) === '') {
      navigator.clipboard?.writeText(source.text(cursor.row, cursor.column) ?? '');
      return;
    }
    if (cursor && event.altKey && (event.key === 'ArrowLeft' || event.key === 'ArrowRight')) {
      event.preventDefault();
      const now = dragged[cursor.column] ?? widths[cursor.column] ?? 100;
      setDragged({ ...dragged, [cursor.column]: Math.max(40, now + (event.key === 'ArrowLeft' ? -16 : 16)) });
      return;
    }
    const page = Math.max(1, Math.floor(place.height / rowHeight) - 1);
    const next = moved(event, cursor, source.count, source.columns.length, page);
    if (!next) return;
    event.preventDefault();
    go(next.row, next.column);
  };

  const lines = [];
  for (let row = from; row < to; row += 1) {
    const at = cursor?.row === row ? cursor.column : -1;
    // Rows that have come make no row new that was there.
    lines.push(
      <Line key={row} id={id} source={source} row={row} first={first} behind={behind} starts={starts} cursor={at} go={go} />,
    );
  }
  return (
    <div className={classes.frame} data-fill={fill || undefined}>
      <div
        ref={box}
        className={classes.box}
        role="grid"
        tabIndex={0}
        aria-label={label}
        aria-rowcount={source.count + 1}
        aria-colcount={source.columns.length}
        aria-activedescendant={
          cursor && cursor.row >= from && cursor.row < to ? `${id}-${cursor.row}-${cursor.column}` : undefined
        }
        data-version={version}
        onScroll={look}
        onKeyDown={key}
        onFocus={() => !cursor && source.count > 0 && setCursor({ row: 0, column: 0 })}
      >
        <Header
          source={source}
          first={first}
          behind={behind}
          starts={starts}
          resize={(column, width) => setDragged({ ...dragged, [column]: width })}
        />
        <div className={classes.all} role="rowgroup" style={{ height: fullHeight(source.count), width: full }}>
          <div
            className={classes.seen}
            role="presentation"
            style={{ top: rowHeight, height: Math.min(place.height, fullHeight(source.count)) }}
          >
            <div role="presentation" style={{ transform: `translateY(${top}px)` }}>
              {lines}
            </div>
          </div>
        </div>
      </div>
      {cursor && cursor.row < source.count ? (
        <CellBar
          name={source.columns[cursor.column]?.name ?? ''}
          row={cursor.row}
          text={source.text(cursor.row, cursor.column)}
        />
      ) : (
        <div className={classes.hint}>{t('ui.grid.hint')}</div>
      )}
    </div>
  );
}
