/** The page that shows a resource. */
export function pageOf(kind: string, name: string) {
  const pages = { Pipeline: '/pipelines/$name', DataService: '/services/$name', Connection: '/connections/$name' } as const;
  const to = pages[kind as keyof typeof pages];
  if (to) return { to, params: { name }, search: {} } as const;
  const tabs: Record<string, string> = { User: 'users', Role: 'roles', Grant: 'grants' };
  const tab = tabs[kind];
  return tab ? ({ to: '/security', search: { tab } } as const) : ({ to: '/system', search: {} } as const);
}
