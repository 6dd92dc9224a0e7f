/** A run, as far as it matters here. */
export interface Told {
  id: string;
  pipeline: string;
  state: string;
  created_at: string;
  error?: { message?: string } | null;
}

/** Records in quarantine, as the API counts them. */
export interface Held {
  table: string;
  cause?: string | null;
  records: number;
}

/** The pipelines whose last finished run failed, and the tables with records in quarantine, most first. */
export function needs<R extends Told>(
  runs: R[],
  held: Held[],
): { failed: R[]; quarantined: { table: string; records: number; causes: string[] }[] } {
  const last = new Map<string, R>();
  for (const run of runs) {
    if (run.state === 'queued' || run.state === 'running' || last.has(run.pipeline)) continue;
    last.set(run.pipeline, run);
  }
  const tables = new Map<string, { table: string; records: number; causes: string[] }>();
  for (const { table, cause, records } of held) {
    const entry = tables.get(table) ?? { table, records: 0, causes: [] };
    entry.records += records;
    if (cause && !entry.causes.includes(cause)) entry.causes.push(cause);
    tables.set(table, entry);
  }
  return {
    failed: [...last.values()].filter(({ state }) => state === 'failed'),
    quarantined: [...tables.values()].sort((a, b) => b.records - a.records),
  };
}
