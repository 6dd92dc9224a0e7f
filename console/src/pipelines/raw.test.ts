import { expect, test } from 'vitest';
import { decoded } from './raw';

test('text is shown as text, other bytes as digits', () => {
  expect(decoded(btoa('2013,1,UA'))).toBe('2013,1,UA');
  expect(decoded(btoa(String.fromCharCode(0xe4, 0xb8, 0x8a)))).toBe('上');
  expect(decoded(btoa(String.fromCharCode(0xff, 0xfe)))).toBe('ff fe');
  expect(decoded(btoa('{"a":1}'))).toBe('{\n "a": 1\n}');
  expect(decoded('not base64!')).toBe('not base64!');
  expect(decoded(null)).toBe('');
});
