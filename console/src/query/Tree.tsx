import { ActionIcon, TextInput } from '@mantine/core';
import { IconChevronRight, IconEye, IconPlus } from '@tabler/icons-react';
import { type UseQueryResult, useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import type { Schemas } from '../api/client';
import * as questions from '../api/questions';
import { useT } from '../app/locale';
import { Asked } from '../ui/state/Asked';
import classes from './Tree.module.css';

interface Props {
  tables: UseQueryResult<Schemas['Page_TableEntry']>;
  insert: (name: string) => void;
  look: (table: string) => void;
}

/** Most tables of one schema drawn at once; the box above finds the rest. */
const drawnMax = 200;

/** What can be queried, by schema; columns are asked for when a table is opened. */
export function Tree({ tables, insert, look }: Props) {
  const t = useT();
  const [words, setWords] = useState('');
  return (
    <aside className={classes.tree} aria-label={t('query.tables')}>
      <TextInput
        size="xs"
        aria-label={t('query.filter')}
        placeholder={t('query.filter')}
        value={words}
        onChange={event => setWords(event.currentTarget.value)}
      />
      <div className={classes.scroll}>
        <Asked query={tables}>
          {page => <Groups names={page.items.map(({ name }) => name)} words={words} insert={insert} look={look} />}
        </Asked>
      </div>
    </aside>
  );
}

function Groups({ names, words, insert, look }: { names: string[]; words: string } & Omit<Props, 'tables'>) {
  const t = useT();
  const groups = useMemo(() => {
    const found = new Map<string, string[]>();
    for (const name of names.filter(one => one.toLowerCase().includes(words.trim().toLowerCase()))) {
      const schema = name.slice(0, name.lastIndexOf('.'));
      found.set(schema, [...(found.get(schema) ?? []), name]);
    }
    return [...found];
  }, [names, words]);
  if (groups.length === 0) return <p className={classes.none}>{t('ui.nothingFound')}</p>;
  return groups.map(([schema, tables]) => (
    <details key={schema} open={words !== '' || groups.length <= 6} className={classes.schema}>
      <summary>
        <IconChevronRight size={14} aria-hidden />
        <bdi>{schema}</bdi> <span>{tables.length}</span>
      </summary>
      {tables.slice(0, drawnMax).map(name => (
        <Branch key={name} name={name} insert={insert} look={look} />
      ))}
      {tables.length > drawnMax && <p className={classes.none}>{t('query.more', { count: tables.length - drawnMax })}</p>}
    </details>
  ));
}

function Branch({ name, insert, look }: { name: string } & Omit<Props, 'tables'>) {
  const t = useT();
  const [open, setOpen] = useState(false);
  const info = useQuery({ ...questions.table(name), enabled: open });
  const short = name.slice(name.lastIndexOf('.') + 1);
  return (
    <div className={classes.table}>
      <div className={classes.line}>
        <button type="button" className={classes.name} aria-expanded={open} onClick={() => setOpen(!open)} title={name}>
          <IconChevronRight size={13} aria-hidden data-open={open || undefined} />
          <bdi>{short}</bdi>
        </button>
        <ActionIcon
          size={22}
          variant="subtle"
          color="gray"
          aria-label={t('query.look', { table: name })}
          onClick={() => look(name)}
        >
          <IconEye size={14} />
        </ActionIcon>
        <ActionIcon size={22} variant="subtle" color="gray" aria-label={t('query.insert', { name })} onClick={() => insert(name)}>
          <IconPlus size={14} />
        </ActionIcon>
      </div>
      {open && (
        <Asked query={info} rows={3}>
          {({ columns }) => (
            <ul className={classes.columns}>
              {columns.map(column => (
                <li key={column.name}>
                  <button type="button" onClick={() => insert(column.name)} aria-label={t('query.insert', { name: column.name })}>
                    <bdi>{column.name}</bdi> <span>{column.type}</span>
                  </button>
                </li>
              ))}
            </ul>
          )}
        </Asked>
      )}
    </div>
  );
}
