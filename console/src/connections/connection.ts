/** Which connector a connection uses: the member of its spec that is one. */
export function connectorOf(spec: unknown): string {
  const members = Object.entries((spec ?? {}) as Record<string, unknown>);
  return members.find(([name, value]) => name !== 'description' && typeof value === 'object' && value !== null)?.[0] ?? '';
}

/** Where it leads, without anything secret: a location, a path, a host. */
export function whereOf(spec: unknown): string {
  const options = ((spec ?? {}) as Record<string, Record<string, unknown> | undefined>)[connectorOf(spec)] ?? {};
  const text = (key: string) =>
    typeof options[key] === 'string' || typeof options[key] === 'number' ? String(options[key]) : '';
  const place = text('location') || text('path') || text('url').replace(/\/\/[^@/]*@/, '//');
  if (place) return place;
  return [text('host'), text('port')].filter(Boolean).join(':') + (text('database') && `/${text('database')}`);
}
