import { useMemo } from 'react';
import { useIntl } from 'react-intl';
import { ago, bytes, duration } from './units';

/** Numbers, sizes and times as the reader's language writes them. */
export function useFormat() {
  const { locale } = useIntl();
  return useMemo(() => {
    const moment = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium' });
    const clock = new Intl.DateTimeFormat(locale, { timeStyle: 'medium' });
    return {
      number: (value: number | bigint) => value.toLocaleString(locale),
      bytes: (count: number) => bytes(count, locale),
      duration: (millis: number) => duration(millis, locale),
      between: (from: string | null | undefined, to: string | null | undefined, now = Date.now()) =>
        from ? duration((to ? Date.parse(to) : now) - Date.parse(from), locale) : '',
      moment: (at: string) => moment.format(new Date(at)),
      clock: (at: string) => clock.format(new Date(at)),
      ago: (at: string) => ago(new Date(at), new Date(), locale),
    };
  }, [locale]);
}
