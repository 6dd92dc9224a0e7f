/** Height of a row, in pixels. */
export const rowHeight = 26;

/** Browsers cut elements that are much higher than this; above it the scroll bar counts for more rows than it is long. */
export const heightMax = 15_000_000;

/** Rows drawn above and below what is seen. */
const spare = 4;

/** What part of the rows is drawn, and where. */
export interface Shown {
  /** The first row drawn, and the one behind the last. */
  from: number;
  to: number;
  /** Where the first drawn row stands, in pixels below the top of what is seen. */
  top: number;
}

/** The height that the scroll bar stands for. */
export function fullHeight(rows: number): number {
  return Math.min(rows * rowHeight, heightMax);
}

/** The rows that are seen at a place of the scroll bar. */
export function shownRows(rows: number, scrollTop: number, view: number): Shown {
  const first = firstRow(rows, scrollTop, view);
  const from = Math.max(0, Math.floor(first) - spare);
  const to = Math.min(rows, Math.ceil(first + view / rowHeight) + spare);
  return { from, to, top: (from - first) * rowHeight };
}

/** The row at the top of what is seen; with a fraction where it is cut. */
function firstRow(rows: number, scrollTop: number, view: number): number {
  const height = fullHeight(rows);
  if (rows * rowHeight <= heightMax) return scrollTop / rowHeight;
  const last = rows - view / rowHeight;
  return (scrollTop / Math.max(1, height - view)) * last;
}

/** Where the scroll bar has to stand so that a row is seen. */
export function scrollTo(rows: number, row: number, scrollTop: number, view: number): number {
  const first = firstRow(rows, scrollTop, view);
  const fit = view / rowHeight;
  let wanted = first;
  if (row < first) wanted = row;
  else if (row + 1 > first + fit) wanted = row + 1 - fit;
  else return scrollTop;
  const height = fullHeight(rows);
  if (rows * rowHeight <= heightMax) return Math.max(0, wanted * rowHeight);
  return (wanted / Math.max(1, rows - fit)) * (height - view);
}

/** The columns that are seen: the first, and the one behind the last. `starts` has one entry more than there are columns. */
export function shownColumns(starts: number[], scrollLeft: number, view: number): [number, number] {
  let from = 0;
  while (from < starts.length - 2 && (starts[from + 1] ?? 0) <= scrollLeft) from += 1;
  let to = from;
  while (to < starts.length - 1 && (starts[to] ?? 0) < scrollLeft + view) to += 1;
  return [from, to];
}

/** A width in pixels for a column whose longest text has so many places. */
export function widthFor(places: number): number {
  return Math.round(Math.min(360, Math.max(64, places * 7.4 + 24)));
}

/** How many places a text takes; Chinese characters take two. */
export function places(text: string): number {
  let count = 0;
  for (const letter of text) count += (letter.codePointAt(0) ?? 0) > 0x2e7f ? 2 : 1;
  return count;
}
