import { Field, Int64, makeBuilder, Timestamp, TimeUnit, Utf8, vectorFromArray } from 'apache-arrow';
import { expect, test } from 'vitest';
import { decimal, text, timestamp } from './cell';

test('whole numbers of 64 bits keep their last digit', () => {
  const vector = vectorFromArray([9007199254740993n, null], new Int64());
  expect([text(vector, 0), text(vector, 1)]).toEqual(['9007199254740993', null]);
});

test('an empty text is not NULL', () => {
  const vector = vectorFromArray(['', null], new Utf8());
  expect([text(vector, 0), text(vector, 1)]).toEqual(['', null]);
  expect(new Field('a', new Utf8()).name).toBe('a');
});

test('timestamps keep their digits, before 1970 too', () => {
  expect(timestamp(1_382_310_000_000_001n, TimeUnit.MICROSECOND, 'UTC')).toBe('2013-10-20 23:00:00.000001Z');
  expect(timestamp(-1n, TimeUnit.NANOSECOND, null)).toBe('1969-12-31 23:59:59.999999999');
  expect(timestamp(0n, TimeUnit.SECOND, '+08:00')).toBe('1970-01-01 00:00:00 +08:00');
  const builder = makeBuilder({ type: new Timestamp(TimeUnit.MILLISECOND, 'UTC') });
  builder.append(1_500);
  expect(text(builder.finish().toVector(), 0)).toBe('1970-01-01 00:00:01.5Z');
});

test('decimals are exact', () => {
  const words = (value: bigint) =>
    new Uint32Array(
      Array.from({ length: 4 }, (_, at) => Number(BigInt.asUintN(32, BigInt.asUintN(128, value) >> BigInt(32 * at)))),
    );
  expect(decimal(words(150n), 2)).toBe('1.50');
  expect(decimal(words(-5n), 3)).toBe('-0.005');
  expect(decimal(words(123n), 0)).toBe('123');
  expect(decimal(words(12345678901234567890123456789n), 2)).toBe('123456789012345678901234567.89');
});
