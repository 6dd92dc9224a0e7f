import { useFormat } from './useFormat';

/** A time as distance from now; the time itself is in its title. */
export function Moment({ at }: { at: string | null | undefined }) {
  const format = useFormat();
  if (!at) return null;
  return (
    <time dateTime={at} title={format.moment(at)}>
      {format.ago(at)}
    </time>
  );
}
