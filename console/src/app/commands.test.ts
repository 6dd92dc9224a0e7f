import { expect, test } from 'vitest';
import { best, type Command } from './commands';

const commands: Command[] = ['Overview', 'lake.ods.flights', 'flights-daily', 'lake.dwd.flights'].map(label => ({
  id: label,
  label,
  group: label.startsWith('lake') ? 'table' : 'page',
  run: () => {},
}));
const labels = (words: string, most = 10) => best(commands, words, most).map(command => command.label);

test('what begins with the words comes first, then what has a part that does', () => {
  expect(labels('flights')).toEqual(['flights-daily', 'lake.ods.flights', 'lake.dwd.flights']);
  expect(labels('TABLE dwd')).toEqual(['lake.dwd.flights']);
  expect(labels('nothing of the kind')).toEqual([]);
});

test('no words show the beginning, and never more than was asked for', () => {
  expect(labels('', 2)).toEqual(['Overview', 'lake.ods.flights']);
});
