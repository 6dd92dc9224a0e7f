import { type DataType, type Decimal, type Timestamp, type TimeUnit, Type, type Vector } from 'apache-arrow';

/** The exact text of a value; null for NULL. Numbers of 64 bits and decimals lose nothing. */
export function text(vector: Vector, index: number): string | null {
  const type: DataType = vector.type;
  if (!vector.isValid(index)) return null;
  switch (type.typeId) {
    case Type.Timestamp:
      return timestamp(raw(vector, index), (type as Timestamp).unit, (type as Timestamp).timezone ?? null);
    case Type.Date:
      return new Date(Number(vector.get(index))).toISOString().slice(0, 10);
    case Type.Decimal:
      return decimal(vector.get(index) as Uint32Array, (type as Decimal).scale);
    default:
      return plain(vector.get(index));
  }
}

/** The 64-bit number behind a timestamp. */
function raw(vector: Vector, index: number): bigint {
  let at = index;
  for (const data of vector.data) {
    if (at < data.length) return BigInt((data.values as BigInt64Array)[at] ?? 0n);
    at -= data.length;
  }
  return 0n;
}

const perSecond = [1n, 1_000n, 1_000_000n, 1_000_000_000n];

/** ISO 8601 with the digits that are not zero; `Z` only where the column has a zone. */
export function timestamp(value: bigint, unit: TimeUnit, zone: string | null): string {
  const scale = perSecond[unit] ?? 1n;
  let seconds = value / scale;
  let rest = value % scale;
  if (rest < 0n) {
    rest += scale;
    seconds -= 1n;
  }
  const date = new Date(Number(seconds) * 1000);
  if (Number.isNaN(date.getTime())) return String(value);
  const digits =
    unit === 0
      ? ''
      : rest
          .toString()
          .padStart(unit * 3, '0')
          .replace(/0+$/, '');
  const iso = date.toISOString().slice(0, 19).replace('T', ' ');
  return `${iso}${digits && `.${digits}`}${zone === null ? '' : zone === 'UTC' || zone === '+00:00' ? 'Z' : ` ${zone}`}`;
}

/** A decimal of 128 or 256 bits, little end first. */
export function decimal(words: Uint32Array, scale: number): string {
  let value = 0n;
  for (let at = words.length - 1; at >= 0; at -= 1) value = (value << 32n) | BigInt(words[at] ?? 0);
  const signed = BigInt.asIntN(words.length * 32, value);
  const digits = (signed < 0n ? -signed : signed).toString();
  const sign = signed < 0n ? '-' : '';
  if (scale <= 0) return `${sign}${digits}${'0'.repeat(-scale)}`;
  const padded = digits.padStart(scale + 1, '0');
  return `${sign}${padded.slice(0, -scale)}.${padded.slice(-scale)}`;
}

function plain(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') return value;
  if (value instanceof Uint8Array) return `0x${hex(value)}`;
  if (typeof value === 'object') return JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? String(inner) : inner));
  return String(value);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('');
}
