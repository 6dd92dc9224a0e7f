/** A size in the units of powers of 1,024, such as `4.7 MiB`. */
export function bytes(count: number, locale: string): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toLocaleString(locale, { maximumFractionDigits: digits })} ${units[unit]}`;
}

/** A length of time, such as `1 h 4 min`, `12.3 s`, `450 ms`. */
export function duration(millis: number, locale: string): string {
  const words = locale.startsWith('zh')
    ? { ms: '毫秒', s: '秒', min: '分', h: '小时', d: '天' }
    : { ms: 'ms', s: 's', min: 'min', h: 'h', d: 'd' };
  const number = (value: number, digits = 0) => value.toLocaleString(locale, { maximumFractionDigits: digits });
  if (millis < 1000) return `${number(Math.max(0, Math.round(millis)))} ${words.ms}`;
  const seconds = millis / 1000;
  if (seconds < 59.95) return `${number(seconds, 1)} ${words.s}`;
  const minutes = Math.round(seconds) / 60;
  if (minutes < 60) return two(Math.floor(minutes), words.min, Math.round(seconds) % 60, words.s);
  const hours = Math.round(minutes) / 60;
  if (hours < 24) return two(Math.floor(hours), words.h, Math.round(minutes) % 60, words.min);
  return two(Math.floor(hours / 24), words.d, Math.floor(hours) % 24, words.h);
}

function two(large: number, largeWord: string, small: number, smallWord: string): string {
  return small === 0 ? `${large} ${largeWord}` : `${large} ${largeWord} ${small} ${smallWord}`;
}

/** How long ago, in the largest unit that is whole. */
export function ago(at: Date, now: Date, locale: string): string {
  const seconds = (at.getTime() - now.getTime()) / 1000;
  const steps: [Intl.RelativeTimeFormatUnit, number][] = [
    ['year', 31_557_600],
    ['month', 2_629_800],
    ['day', 86_400],
    ['hour', 3_600],
    ['minute', 60],
  ];
  const format = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
  for (const [unit, length] of steps) {
    if (Math.abs(seconds) >= length) return format.format(Math.trunc(seconds / length), unit);
  }
  return format.format(Math.trunc(seconds), 'second');
}
