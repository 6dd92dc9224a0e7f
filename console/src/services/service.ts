/** A parameter of a data service. */
export interface Parameter {
  type: string;
  of?: string;
  required?: boolean;
  default?: unknown;
  values?: string[];
  min?: unknown;
  max?: unknown;
  description?: string;
}

/** The spec of a data service, as far as it is shown. */
export interface Service {
  description?: string;
  sql: string;
  parameters?: Record<string, Parameter>;
  paging?: { default_rows: number; max_rows: number };
  timeout?: string;
  cache?: { fresh_for: string };
  rate?: { per_second: number; burst?: number };
}

/** The address of a call; empty values are not sent, lists are sent once for each item. */
export function callPath(name: string, parameters: Record<string, Parameter>, values: Record<string, string>): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(values)) {
    if (value === '') continue;
    if (parameters[key]?.type === 'list') for (const item of value.split(',')) query.append(key, item.trim());
    else query.append(key, value);
  }
  const text = query.toString();
  return `/services/${encodeURIComponent(name)}${text && `?${text}`}`;
}

/** What a parameter takes, in a line. */
export function limits({ min, max, values, default: given }: Parameter): string {
  const parts = [
    values && values.length > 0 && values.join(' | '),
    min != null && `≥ ${min}`,
    max != null && `≤ ${max}`,
    given != null && `= ${given}`,
  ];
  return parts.filter(Boolean).join(', ');
}
