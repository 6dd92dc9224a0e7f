import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router';
import { Loading } from '../ui/state/Loading';
import { NotFound } from './NotFound';
import { ProblemRoute } from './ProblemRoute';
import { Shell } from './Shell';

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });

/** What an address may say beside its path; anything else is dropped. */
function texts<const K extends string>(...names: K[]) {
  return (search: Record<string, unknown>) => {
    const kept: { [name in K]?: string } = {};
    for (const name of names) {
      const value = search[name];
      if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') kept[name] = String(value);
    }
    return kept;
  };
}

const at = { getParentRoute: () => root } as const;

const routes = [
  createRoute({ ...at, path: '/', component: lazyRouteComponent(() => import('../overview/OverviewPage'), 'OverviewPage') }),
  createRoute({
    ...at,
    path: '/catalog',
    validateSearch: texts('q', 'kind', 'schema'),
    component: lazyRouteComponent(() => import('../catalog/CatalogPage'), 'CatalogPage'),
  }),
  createRoute({
    ...at,
    path: '/catalog/$table',
    validateSearch: texts('tab', 'version'),
    component: lazyRouteComponent(() => import('../catalog/TablePage'), 'TablePage'),
  }),
  createRoute({
    ...at,
    path: '/query',
    validateSearch: texts('sql', 'run'),
    component: lazyRouteComponent(() => import('../query/QueryPage'), 'QueryPage'),
  }),
  createRoute({
    ...at,
    path: '/connections',
    component: lazyRouteComponent(() => import('../connections/ConnectionsPage'), 'ConnectionsPage'),
  }),
  createRoute({
    ...at,
    path: '/connections/$name',
    validateSearch: texts('tab', 'q'),
    component: lazyRouteComponent(() => import('../connections/ConnectionPage'), 'ConnectionPage'),
  }),
  createRoute({
    ...at,
    path: '/pipelines',
    component: lazyRouteComponent(() => import('../pipelines/PipelinesPage'), 'PipelinesPage'),
  }),
  createRoute({
    ...at,
    path: '/pipelines/$name',
    validateSearch: texts('tab'),
    component: lazyRouteComponent(() => import('../pipelines/PipelinePage'), 'PipelinePage'),
  }),
  createRoute({
    ...at,
    path: '/runs',
    validateSearch: texts('pipeline', 'state'),
    component: lazyRouteComponent(() => import('../pipelines/RunsPage'), 'RunsPage'),
  }),
  createRoute({
    ...at,
    path: '/runs/$id',
    validateSearch: texts('tab', 'step', 'level'),
    component: lazyRouteComponent(() => import('../pipelines/RunPage'), 'RunPage'),
  }),
  createRoute({
    ...at,
    path: '/quarantine',
    component: lazyRouteComponent(() => import('../pipelines/QuarantinePage'), 'QuarantinePage'),
  }),
  createRoute({
    ...at,
    path: '/quarantine/$table',
    validateSearch: texts('run', 'cause'),
    component: lazyRouteComponent(() => import('../pipelines/QuarantineTablePage'), 'QuarantineTablePage'),
  }),
  createRoute({
    ...at,
    path: '/services',
    component: lazyRouteComponent(() => import('../services/ServicesPage'), 'ServicesPage'),
  }),
  createRoute({
    ...at,
    path: '/services/$name',
    validateSearch: texts('tab'),
    component: lazyRouteComponent(() => import('../services/ServicePage'), 'ServicePage'),
  }),
  createRoute({
    ...at,
    path: '/security',
    validateSearch: texts('tab', 'principal', 'action', 'allowed'),
    component: lazyRouteComponent(() => import('../security/SecurityPage'), 'SecurityPage'),
  }),
  createRoute({ ...at, path: '/system', component: lazyRouteComponent(() => import('../system/SystemPage'), 'SystemPage') }),
  createRoute({
    ...at,
    path: '/new/$kind',
    validateSearch: texts('text'),
    component: lazyRouteComponent(() => import('../resources/NewPage'), 'NewPage'),
  }),
  createRoute({
    ...at,
    path: '/edit/$kind/$name',
    component: lazyRouteComponent(() => import('../resources/EditPage'), 'EditPage'),
  }),
] as const;

export const router = createRouter({
  routeTree: root.addChildren(routes),
  basepath: '/console',
  // Everything an address says is text, so that it stays readable.
  parseSearch: text => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: search => {
    const said = Object.entries(search).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
    const text = new URLSearchParams(said).toString();
    return text && `?${text}`;
  },
  defaultPendingComponent: Loading,
  defaultPendingMs: 200,
  defaultErrorComponent: ProblemRoute,
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
