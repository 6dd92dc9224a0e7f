/** Who may do what on which objects. */
export interface Grant {
  to: { role?: string; user?: string };
  allow: string[];
  on: string[];
}

/** What a grant allows, in a line. */
export function sentence({ allow, on }: Grant): string {
  return `${allow.join(', ')} → ${on.join(', ')}`;
}

/** A name for a grant, from whom and what; as names of resources are. */
export function nameOf({ to, allow, on }: Grant): string {
  const words = [to.role ?? to.user ?? '', ...allow, ...on].join('-').toLowerCase();
  const bare = words
    .replace(/\*/g, 'all')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  return bare.slice(0, 63).replace(/-+$/, '');
}
