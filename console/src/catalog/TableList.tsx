import { IconTerminal2 } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useT } from '../app/locale';
import { LinkIcon } from '../ui/page/LinkIcon';
import { List } from '../ui/page/List';
import { KindBadge } from './KindBadge';
import { type Entry, schemaOf, sqlName } from './search';
import classes from './TableList.module.css';

export function TableList({ tables }: { tables: Entry[] }) {
  const t = useT();
  return (
    <List
      label={t('app.nav.catalog')}
      rows={tables}
      id={table => table.name}
      fields={[
        {
          head: t('catalog.table'),
          cell: ({ name }) => (
            <Link to="/catalog/$table" params={{ table: name }} search={{}} className={classes.name}>
              <bdi>
                <span>{schemaOf(name)}.</span>
                {name.slice(schemaOf(name).length + 1)}
              </bdi>
            </Link>
          ),
        },
        { head: t('catalog.kind'), narrow: true, cell: ({ kind }) => <KindBadge kind={kind} /> },
        {
          head: t('catalog.acts'),
          narrow: true,
          cell: ({ name }) => (
            <LinkIcon
              to="/query"
              search={{ sql: `SELECT * FROM ${sqlName(name)} LIMIT 100\n`, run: '1' }}
              variant="subtle"
              aria-label={t('catalog.query', { table: name })}
              size="sm"
            >
              <IconTerminal2 size={16} />
            </LinkIcon>
          ),
        },
      ]}
    />
  );
}
