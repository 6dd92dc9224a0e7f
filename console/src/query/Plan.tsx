import type { Rows } from '../api/rows';
import classes from './Plan.module.css';

/** The answer of EXPLAIN: each plan as the text that it is. */
export function Plan({ rows }: { rows: Rows }) {
  return (
    <div className={classes.plans}>
      {Array.from({ length: rows.count }, (_, row) => (
        <section key={row}>
          <h2>{rows.text(row, 0)}</h2>
          <pre tabIndex={0}>{rows.text(row, 1)}</pre>
        </section>
      ))}
    </div>
  );
}
