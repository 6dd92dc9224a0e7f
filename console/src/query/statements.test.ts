import { expect, test } from 'vitest';
import { parametersOf, statementAt, statements, typedValue } from './statements';

test('semicolons in quotes and comments end nothing', () => {
  const text = 'select \';\' as a; -- not; this\nselect "b;" /* nor; this */ from t;\n;  ';
  expect(statements(text).map(part => part.text)).toEqual([
    "select ';' as a",
    '-- not; this\nselect "b;" /* nor; this */ from t',
  ]);
});

test('quotes and comments that never end take the rest', () => {
  expect(statements("select 'a; b").map(part => part.text)).toEqual(["select 'a; b"]);
  expect(statements('select 1 /* a; b').map(part => part.text)).toEqual(['select 1 /* a; b']);
  expect(statements('-- only a comment')).toEqual([]);
});

test('the statement under the cursor is run', () => {
  const text = 'select 1;\nselect 2;\n\nselect 3';
  expect([0, 8, 10, 18, 20, 99].map(place => statementAt(text, place)?.text)).toEqual([
    'select 1',
    'select 1',
    'select 2',
    'select 2',
    'select 2',
    'select 3',
  ]);
  expect(statementAt('', 0)).toBeUndefined();
});

test('parameters are found where they count', () => {
  expect(parametersOf('select $a, \'$b\', "$c" -- $d\n where x = $a and y > $since')).toEqual(['a', 'since']);
});

test('typed values', () => {
  expect(['', '12', '-1.5', 'true', "'12'", 'UA', '2013-01-31', '012', '12345678901234567890'].map(typedValue)).toEqual([
    null,
    12,
    -1.5,
    true,
    '12',
    'UA',
    '2013-01-31',
    '012',
    '12345678901234567890',
  ]);
});
