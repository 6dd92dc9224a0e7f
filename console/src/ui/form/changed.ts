import type { QueryClient } from '@tanstack/react-query';

/** After a change of resources: everything that is drawn from them is asked for again. */
export function resourcesChanged(client: QueryClient) {
  return Promise.all(
    ['resources', 'tables', 'table', 'graph', 'runs', 'whoami'].map(key => client.invalidateQueries({ queryKey: [key] })),
  );
}
