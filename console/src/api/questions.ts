import { queryOptions } from '@tanstack/react-query';
import { api, ask } from './client';

/** Longest wait between two looks at what runs, in milliseconds. */
const lookEvery = 5_000;

/** The questions that more than one page asks, each under one key. */
export const tables = queryOptions({ queryKey: ['tables'], queryFn: () => ask(api.GET('/api/v1/tables')), staleTime: 30_000 });

export const table = (name: string) =>
  queryOptions({
    queryKey: ['table', name],
    queryFn: () => ask(api.GET('/api/v1/tables/{name}', { params: { path: { name } } })),
    staleTime: 30_000,
  });

export const resources = (kind: string) =>
  queryOptions({
    queryKey: ['resources', kind],
    queryFn: () => ask(api.GET('/api/v1/resources/{kind}', { params: { path: { kind } } })),
    staleTime: 10_000,
  });

export const resource = (kind: string, name: string) =>
  queryOptions({
    queryKey: ['resources', kind, name],
    queryFn: () => ask(api.GET('/api/v1/resources/{kind}/{name}', { params: { path: { kind, name } } })),
  });

export const runs = (query: { pipeline?: string; state?: string; limit?: number } = {}) =>
  queryOptions({
    queryKey: ['runs', query],
    queryFn: () => ask(api.GET('/api/v1/runs', { params: { query } })),
    refetchInterval: lookEvery,
  });

export const quarantine = queryOptions({
  queryKey: ['quarantine'],
  queryFn: () => ask(api.GET('/api/v1/quarantine')),
  staleTime: 10_000,
});

export const graph = (name: string) =>
  queryOptions({
    queryKey: ['graph', name],
    queryFn: () => ask(api.GET('/api/v1/pipelines/{name}/graph', { params: { path: { name } } })),
    staleTime: 60_000,
  });
