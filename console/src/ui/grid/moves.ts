/** Where a key leads from a cell; nothing if it leads nowhere. */
export function moved(
  event: { key: string; ctrlKey: boolean; metaKey: boolean },
  from: { row: number; column: number } | undefined,
  rows: number,
  columns: number,
  page: number,
): { row: number; column: number } | undefined {
  const { row, column } = from ?? { row: 0, column: 0 };
  const far = event.ctrlKey || event.metaKey;
  const within = (nextRow: number, nextColumn: number) => ({
    row: Math.max(0, Math.min(rows - 1, nextRow)),
    column: Math.max(0, Math.min(columns - 1, nextColumn)),
  });
  switch (event.key) {
    case 'ArrowDown':
      return within(far ? rows : row + 1, column);
    case 'ArrowUp':
      return within(far ? 0 : row - 1, column);
    case 'ArrowRight':
      return within(row, far ? columns : column + 1);
    case 'ArrowLeft':
      return within(row, far ? 0 : column - 1);
    case 'PageDown':
      return within(row + page, column);
    case 'PageUp':
      return within(row - page, column);
    case 'Home':
      return within(far ? 0 : row, 0);
    case 'End':
      return within(far ? rows : row, columns);
    default:
      return undefined;
  }
}
