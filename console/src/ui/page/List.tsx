import type { ReactNode } from 'react';
import classes from './List.module.css';

/** A column of a list: its head, how a row shows in it, and whether it holds numbers. */
export interface Field<T> {
  head: string;
  cell: (row: T) => ReactNode;
  number?: boolean;
  /** Takes no more than it needs. */
  narrow?: boolean;
  /** Left out where there is little room. */
  extra?: boolean;
}

/** A plain table for lists of up to some hundred rows; wide ones scroll inside their panel. */
export function List<T>({ label, fields, rows, id }: { label: string; fields: Field<T>[]; rows: T[]; id: (row: T) => string }) {
  const look = (field: Field<T>) =>
    [field.number && classes.number, field.narrow && classes.narrow, field.extra && classes.extra].filter(Boolean).join(' ') ||
    undefined;
  return (
    <div className={classes.scroll} role="group" tabIndex={0} aria-label={label}>
      <table className={classes.table}>
        <thead>
          <tr>
            {fields.map(field => (
              <th key={field.head} scope="col" className={look(field)}>
                {field.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(row => (
            <tr key={id(row)}>
              {fields.map(field => (
                <td key={field.head} className={look(field)}>
                  {field.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
