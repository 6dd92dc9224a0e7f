import { PostgreSQL, sql } from '@codemirror/lang-sql';
import type { EditorView } from '@codemirror/view';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useSearch } from '@tanstack/react-router';
import { useEffect, useMemo, useRef, useState } from 'react';
import * as questions from '../api/questions';
import { useT } from '../app/locale';
import { useSession } from '../app/session';
import { CodeEditor } from '../ui/editor/CodeEditor';
import { completer } from './completion';
import { readPast, withPast } from './history';
import { Parameters } from './Parameters';
import classes from './QueryPage.module.css';
import { Results } from './Results';
import { parametersOf, statementAt, typedValue } from './statements';
import { Toolbar } from './Toolbar';
import { Tree } from './Tree';
import { useStatement } from './useStatement';

const example =
  'SELECT airline, flights, round(late_share * 100, 1) AS late_percent\nFROM lake.ads.airline_punctuality\nORDER BY late_percent DESC\n';

export function QueryPage() {
  const t = useT();
  const { who } = useSession();
  const client = useQueryClient();
  const linked = useSearch({ from: '/query' });
  const kept = { draft: `dataux.draft.${who.user}`, past: `dataux.past.${who.user}` };
  const [text, setText] = useState(() => linked.sql ?? localStorage.getItem(kept.draft) ?? '');
  const [values, setValues] = useState<Record<string, string>>({});
  const [past, setPast] = useState(() => readPast(localStorage.getItem(kept.past)));
  const editor = useRef<EditorView>(null);
  const tables = useQuery(questions.tables);

  const { statement, version, run, cancel } = useStatement(done => {
    if (done.state === 'running') return;
    const entry = {
      sql: done.sql,
      at: new Date().toISOString(),
      rows: done.rows?.count ?? null,
      millis: Math.round((done.ended ?? 0) - done.began),
      state: done.state,
    };
    setPast(before => {
      const next = withPast(before, entry);
      localStorage.setItem(kept.past, JSON.stringify(next));
      return next;
    });
  });

  useEffect(() => {
    document.title = `${t('app.nav.query')} · dataux`;
  }, [t]);
  useEffect(() => localStorage.setItem(kept.draft, text), [kept.draft, text]);

  const names = tables.data?.items;
  const language = useMemo(() => {
    const columns = (table: string) =>
      client
        .fetchQuery(questions.table(table))
        .then(info => info.columns)
        .catch(() => []);
    const source = completer({ tables: (names ?? []).map(({ name }) => name), columns });
    return [sql({ dialect: PostgreSQL }), PostgreSQL.language.data.of({ autocomplete: source })];
  }, [names, client]);

  const wanted = parametersOf(text);
  const current = () => {
    const view = editor.current;
    const selection = view?.state.selection.main;
    if (view && selection && !selection.empty) return view.state.sliceDoc(selection.from, selection.to);
    return statementAt(text, selection?.head ?? 0)?.text;
  };
  const start = (prefix = '') => {
    const chosen = current();
    if (!chosen) return;
    const used = parametersOf(chosen);
    run(prefix + chosen, Object.fromEntries(used.map(name => [name, typedValue(values[name] ?? '')])));
  };
  // A link that says so is run at once; it can only read.
  useEffect(() => {
    if (linked.run !== undefined && linked.sql) run(linked.sql, {});
  }, [linked.run, linked.sql, run]);
  useEffect(() => {
    if (linked.sql !== undefined) setText(linked.sql);
  }, [linked.sql]);

  const insert = (name: string) => {
    const view = editor.current;
    if (!view) return;
    view.dispatch(view.state.replaceSelection(name));
    view.focus();
  };
  const look = (table: string) => {
    const sentence = `SELECT * FROM ${table} LIMIT 100`;
    setText(before => (before.trim() === '' ? `${sentence}\n` : `${before.trimEnd().replace(/;?$/, ';')}\n\n${sentence}\n`));
    run(sentence, {});
  };

  return (
    <div className={classes.page}>
      <h1 className={classes.hidden}>{t('app.nav.query')}</h1>
      <Tree tables={tables} insert={insert} look={look} />
      <div className={classes.work}>
        <div className={classes.editor}>
          <CodeEditor
            label={t('query.editor')}
            value={text}
            change={setText}
            extensions={language}
            run={() => start()}
            hint={t('query.hint')}
            height="100%"
            ready={view => {
              editor.current = view;
            }}
          />
        </div>
        {wanted.length > 0 && <Parameters names={wanted} values={values} change={setValues} />}
        <Toolbar
          running={statement?.state === 'running'}
          text={text}
          past={past}
          run={() => start()}
          plan={() => start('EXPLAIN ')}
          cancel={cancel}
          use={setText}
          parameters={wanted}
        />
        <Results statement={statement} version={version} example={() => setText(example)} />
      </div>
    </div>
  );
}
