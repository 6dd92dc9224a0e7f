import { stringify } from 'yaml';
import type { Schemas } from './client';
import { plain } from './client';

/** The `apiVersion` of every document. */
export const apiVersion = 'dataux/v1';

/** Applies documents, or says what they would change. */
export async function apply(text: string, dryRun = false): Promise<Schemas['Change'][]> {
  const response = await plain(`/api/v1/apply?dry_run=${dryRun}&file=console`, {
    method: 'POST',
    headers: { 'content-type': 'application/yaml' },
    body: text,
  });
  return ((await response.json()) as Schemas['Changes']).changes;
}

/** A resource as the document that declares it. */
export function document(kind: string, name: string, spec: unknown): string {
  return stringify({ apiVersion, kind, name, spec }, { lineWidth: 0 });
}
