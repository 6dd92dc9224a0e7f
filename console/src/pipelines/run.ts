/** Whether a run is still on its way. */
export function live(state: string): boolean {
  return state === 'queued' || state === 'running';
}

/** What a step says of its progress. */
export interface Progress {
  state: string;
  rows: number;
  bytes: number;
  total_rows?: number | null;
  total_bytes?: number | null;
}

/** How much of a step is done, from 0 to 1; nothing if nobody knows. */
export function share({ state, rows, bytes, total_rows, total_bytes }: Progress): number | undefined {
  if (state === 'succeeded' || state === 'skipped') return 1;
  if (state === 'pending') return 0;
  if (total_bytes) return Math.min(1, bytes / total_bytes);
  if (total_rows) return Math.min(1, rows / total_rows);
  return undefined;
}

/** How much of a run is done: every step counts the same, and one of which nothing is known counts half while it works. */
export function whole(steps: Progress[]): number {
  if (steps.length === 0) return 0;
  return steps.reduce((sum, step) => sum + (share(step) ?? (step.state === 'running' ? 0.5 : 0)), 0) / steps.length;
}

/** Milliseconds that are left, if it goes on as it went; nothing too early to tell. */
export function left(done: number, elapsed: number): number | undefined {
  return done > 0.05 && elapsed > 2_000 ? (elapsed / done) * (1 - done) : undefined;
}

/** Where a step stands in the time of its run, both from 0 to 1. */
export function bar(
  step: { started_at?: string | null; finished_at?: string | null },
  from: number,
  to: number,
): [number, number] | undefined {
  if (!step.started_at) return undefined;
  const span = Math.max(1, to - from);
  const begin = (Date.parse(step.started_at) - from) / span;
  const end = ((step.finished_at ? Date.parse(step.finished_at) : to) - from) / span;
  return [Math.max(0, Math.min(1, begin)), Math.max(0, Math.min(1, end))];
}
