import { TextInput } from '@mantine/core';
import { useState } from 'react';
import type { Schemas } from '../api/client';
import { useT } from '../app/locale';
import { List } from '../ui/page/List';
import { Panel } from '../ui/page/Panel';

export function ColumnList({ columns }: { columns: Schemas['Column'][] }) {
  const t = useT();
  const [words, setWords] = useState('');
  const shown = columns.filter(({ name }) => name.toLowerCase().includes(words.trim().toLowerCase()));
  return (
    <Panel
      title={t('catalog.columns')}
      flush
      actions={
        columns.length > 12 && (
          <TextInput
            size="xs"
            aria-label={t('catalog.filterColumns')}
            placeholder={t('catalog.filterColumns')}
            value={words}
            onChange={event => setWords(event.currentTarget.value)}
          />
        )
      }
    >
      <List
        label={t('catalog.columns')}
        rows={shown}
        id={column => column.name}
        fields={[
          { head: '#', narrow: true, number: true, cell: column => columns.indexOf(column) + 1 },
          {
            head: t('catalog.column'),
            cell: ({ name }) => (
              <strong>
                <bdi>{name}</bdi>
              </strong>
            ),
          },
          { head: t('catalog.type'), cell: ({ type }) => <code>{type}</code> },
          { head: t('catalog.nullable'), cell: ({ nullable }) => (nullable ? t('catalog.mayBeNull') : t('catalog.neverNull')) },
        ]}
      />
    </Panel>
  );
}
