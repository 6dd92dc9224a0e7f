import { CompletionContext } from '@codemirror/autocomplete';
import { EditorState } from '@codemirror/state';
import { expect, test } from 'vitest';
import { aliases, completer } from './completion';

const tables = ['lake.dwd.flights', 'lake.ods.airports', 'airline.main.planes'];
const columns = async (table: string) => [
  { name: table.endsWith('flights') ? 'carrier' : 'faa', type: 'Utf8' },
  { name: 'Odd Name', type: 'Utf8' },
];
const complete = async (text: string) => {
  const context = new CompletionContext(EditorState.create({ doc: text }), text.length, true);
  return (await completer({ tables, columns })(context))?.options.map(option => option.label) ?? [];
};

test('tables come after FROM and JOIN', async () => {
  expect(await complete('select * from ')).toEqual(tables);
  expect(await complete('select * from lake.dwd.flights f join la')).toEqual(tables);
  expect(await complete('select a, ')).not.toEqual(tables);
});

test('an alias gives its table’s columns, with quotes where they are needed', async () => {
  expect(await complete('select * from lake.dwd.flights f where f.')).toEqual(['carrier', 'Odd Name']);
  expect((await complete('select * from dwd.flights where c')).slice(0, 2)).toEqual(['carrier', 'Odd Name']);
});

test('aliases are read from the text, and keywords are none', () => {
  const text = 'select 1 from lake.dwd.flights as f left join ods.airports on true join airline.main.planes p on 1=1 where x';
  expect([...aliases(text, tables)]).toEqual([
    ['f', 'lake.dwd.flights'],
    ['airports', 'lake.ods.airports'],
    ['p', 'airline.main.planes'],
  ]);
});
