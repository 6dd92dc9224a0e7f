import { Badge } from '@mantine/core';
import { useT } from '../app/locale';

/** Where a table lives. */
export function KindBadge({ kind }: { kind: string }) {
  const t = useT();
  const known = kind === 'table' || kind === 'live' || kind === 'quarantine';
  const color = { table: 'var(--dx-accent)', live: 'var(--dx-run)', quarantine: 'var(--dx-warn)' }[kind] ?? 'var(--dx-idle)';
  return (
    <Badge variant="outline" size="sm" tt="none" fw={600} styles={{ root: { color, borderColor: color } }}>
      {known ? t(`catalog.kind.${kind}`) : kind}
    </Badge>
  );
}
