import type { PointerEvent } from 'react';
import type { Source } from './Grid';
import classes from './Grid.module.css';
import { rowHeight } from './window';

interface Props {
  source: Source;
  first: number;
  behind: number;
  starts: number[];
  resize: (column: number, width: number) => void;
}

/** Names and types of columns; the edge of each can be dragged. */
export function Header({ source, first, behind, starts, resize }: Props) {
  const drag = (column: number) => (event: PointerEvent<HTMLSpanElement>) => {
    event.preventDefault();
    const edge = event.currentTarget;
    const begin = event.clientX;
    const width = (starts[column + 1] ?? 0) - (starts[column] ?? 0);
    edge.setPointerCapture(event.pointerId);
    edge.onpointermove = move => resize(column, Math.max(40, width + move.clientX - begin));
    edge.onpointerup = () => {
      edge.onpointermove = null;
    };
  };
  const cells = [];
  for (let column = first; column < behind; column += 1) {
    const { name, type, number } = source.columns[column] ?? { name: '', type: '', number: false };
    const start = starts[column] ?? 0;
    cells.push(
      <div
        key={column}
        role="columnheader"
        tabIndex={-1}
        aria-colindex={column + 1}
        className={classes.head}
        data-number={number || undefined}
        style={{ left: start, width: (starts[column + 1] ?? start) - start }}
        title={`${name} · ${type}`}
      >
        <bdi>{name}</bdi>
        <span className={classes.edge} onPointerDown={drag(column)} aria-hidden />
      </div>,
    );
  }
  return (
    <div className={classes.heads} role="row" aria-rowindex={1} tabIndex={-1} style={{ height: rowHeight, width: starts.at(-1) }}>
      <div className={classes.number} role="columnheader" tabIndex={-1} aria-hidden>
        #
      </div>
      {cells}
    </div>
  );
}
