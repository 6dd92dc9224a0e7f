/** A step of some pipeline, with the lake tables it touches. */
export interface Step {
  pipeline: string;
  name: string;
  reads: string[];
  writes: string[];
}

export interface Hop {
  pipeline: string;
  step: string;
  /** The tables on its other side. */
  tables: string[];
}

/** The steps on both sides of a table, with the tables behind them. */
export function neighbours(table: string, steps: Step[]): { before: Hop[]; after: Hop[] } {
  const hop = ({ pipeline, name }: Step, tables: string[]) => ({
    pipeline,
    step: name,
    tables: tables.filter(one => one !== table),
  });
  return {
    before: steps.filter(({ writes }) => writes.includes(table)).map(step => hop(step, step.reads)),
    after: steps
      .filter(({ reads, writes }) => reads.includes(table) && !writes.includes(table))
      .map(step => hop(step, step.writes)),
  };
}
