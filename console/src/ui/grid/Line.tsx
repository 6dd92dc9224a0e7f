import { memo } from 'react';
import type { Source } from './Grid';
import classes from './Grid.module.css';
import { rowHeight } from './window';

/** Longest text drawn; the bar below shows the whole. */
const drawnMax = 200;

interface Props {
  id: string;
  source: Source;
  row: number;
  first: number;
  behind: number;
  starts: number[];
  cursor: number;
  go: (row: number, column: number) => void;
}

/** One row. It changes only with the columns that are seen and with the cursor. */
export const Line = memo(
  function Line({ id, source, row, first, behind, starts, cursor, go }: Props) {
    const cells = [];
    for (let column = first; column < behind; column += 1) {
      const text = source.text(row, column);
      const start = starts[column] ?? 0;
      cells.push(
        // biome-ignore lint/a11y/useKeyWithClickEvents: the grid has the keys
        <div
          key={column}
          id={`${id}-${row}-${column}`}
          role="gridcell"
          tabIndex={-1}
          aria-colindex={column + 1}
          aria-selected={column === cursor}
          className={classes.cell}
          data-number={source.columns[column]?.number || undefined}
          data-null={text === null || undefined}
          style={{ left: start, width: (starts[column + 1] ?? start) - start }}
          onClick={() => go(row, column)}
        >
          <bdi>{text === null ? 'NULL' : text.length > drawnMax ? `${text.slice(0, drawnMax)}…` : text}</bdi>
        </div>,
      );
    }
    return (
      <div
        role="row"
        className={classes.line}
        aria-rowindex={row + 2}
        style={{ height: rowHeight }}
        data-here={cursor >= 0 || undefined}
      >
        <div role="rowheader" className={classes.number} aria-hidden>
          {row + 1}
        </div>
        {cells}
      </div>
    );
  },
  (before, now) =>
    before.source === now.source &&
    before.row === now.row &&
    before.first === now.first &&
    before.behind === now.behind &&
    before.starts === now.starts &&
    before.cursor === now.cursor,
);
