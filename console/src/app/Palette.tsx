import { Modal, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type KeyboardEvent, useId, useMemo, useState } from 'react';
import { api, ask } from '../api/client';
import * as questions from '../api/questions';
import { best, type Command } from './commands';
import { useLocale, useT } from './locale';
import classes from './Palette.module.css';
import { places } from './places';

/** Most results shown. */
const shownMax = 12;

/** Finds and goes: pages, tables, pipelines, services, connections, and a few acts. */
export function Palette({ close }: { close: () => void }) {
  const t = useT();
  const id = useId();
  const navigate = useNavigate();
  const { locale, choose } = useLocale();
  const [words, setWords] = useState('');
  const [chosen, setChosen] = useState(0);
  const tables = useQuery(questions.tables);
  const resources = useQuery({ queryKey: ['resources'], queryFn: () => ask(api.GET('/api/v1/resources')), staleTime: 60_000 });

  const commands = useMemo(() => {
    const all: Command[] = places.map(({ to, key }) => ({
      id: `page ${to}`,
      label: t(key),
      group: t('app.palette.page'),
      run: () => navigate({ to }),
    }));
    all.push(
      {
        id: 'runs',
        label: t('app.palette.runs'),
        group: t('app.palette.page'),
        run: () => navigate({ to: '/runs', search: {} }),
      },
      {
        id: 'quarantine',
        label: t('app.palette.quarantine'),
        group: t('app.palette.page'),
        run: () => navigate({ to: '/quarantine' }),
      },
      {
        id: 'language',
        label: locale === 'en' ? '中文' : 'English',
        group: t('app.palette.act'),
        run: () => choose(locale === 'en' ? 'zh' : 'en'),
      },
    );
    for (const { name } of tables.data?.items ?? []) {
      all.push({
        id: `table ${name}`,
        label: name,
        group: t('app.palette.table'),
        run: () => navigate({ to: '/catalog/$table', params: { table: name }, search: {} }),
      });
    }
    for (const { kind, name } of resources.data?.items ?? []) {
      const page = { Pipeline: '/pipelines/$name', DataService: '/services/$name', Connection: '/connections/$name' } as const;
      const to = page[kind as keyof typeof page];
      if (to)
        all.push({ id: `${kind} ${name}`, label: name, group: kind, run: () => navigate({ to, params: { name }, search: {} }) });
    }
    return all;
  }, [t, navigate, locale, choose, tables.data, resources.data]);

  const found = useMemo(() => best(commands, words, shownMax), [commands, words]);
  const run = (command: Command | undefined) => {
    if (!command) return;
    close();
    command.run();
  };
  const key = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && found.length > 0) {
      event.preventDefault();
      setChosen((chosen + step + found.length) % found.length);
    } else if (event.key === 'Enter' && !event.nativeEvent.isComposing) {
      event.preventDefault();
      run(found[chosen]);
    }
  };

  return (
    <Modal
      opened
      onClose={close}
      withCloseButton={false}
      padding={0}
      size="lg"
      yOffset="12vh"
      attributes={{ content: { 'aria-label': t('app.palette.open') } }}
    >
      <TextInput
        variant="unstyled"
        size="md"
        classNames={{ root: classes.box }}
        leftSection={<IconSearch size={18} aria-hidden />}
        aria-label={t('app.palette.open')}
        placeholder={t('app.palette.open')}
        value={words}
        onChange={event => {
          setWords(event.currentTarget.value);
          setChosen(0);
        }}
        onKeyDown={key}
        role="combobox"
        aria-expanded
        aria-controls={id}
        aria-activedescendant={found[chosen] && `${id}-${chosen}`}
        data-autofocus
      />
      <div className={classes.list} id={id} role="listbox" aria-label={t('app.palette.open')}>
        {found.map((command, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the box above has the keys
          <div
            key={command.id}
            id={`${id}-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === chosen}
            className={classes.item}
            onClick={() => run(command)}
            onMouseMove={() => setChosen(index)}
          >
            <span className={classes.label}>{command.label}</span>
            <span className={classes.group}>{command.group}</span>
          </div>
        ))}
        {found.length === 0 && <p className={classes.none}>{t('ui.nothingFound')}</p>}
      </div>
    </Modal>
  );
}
