import { yaml } from '@codemirror/lang-yaml';
import { Button, Group } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useBlocker, useRouter } from '@tanstack/react-router';
import { useMemo, useRef, useState } from 'react';
import { parseDocument } from 'yaml';
import { api, ask, type Schemas } from '../api/client';
import { Problem } from '../api/problem';
import { apply } from '../api/resources';
import { useT } from '../app/locale';
import { CodeEditor } from '../ui/editor/CodeEditor';
import { Commands } from '../ui/form/Commands';
import { resourcesChanged } from '../ui/form/changed';
import { Panel } from '../ui/page/Panel';
import { ProblemView } from '../ui/state/ProblemView';
import classes from './Declare.module.css';
import { completer, type JsonSchema } from './schema';

interface Props {
  kind: string;
  text: string;
  /** The version that was read; nothing for a new resource. */
  version?: number;
  done: (kind: string, name: string) => unknown;
}

/** A document in an editor that knows its schema: check, see what would change, save. */
export function Declare({ kind, text: given, version, done }: Props) {
  const t = useT();
  const client = useQueryClient();
  const router = useRouter();
  const [text, setText] = useState(given);
  const [changes, setChanges] = useState<Schemas['Change'][]>();
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const saved = useRef(false);
  const schema = useQuery({
    queryKey: ['schema', kind],
    queryFn: () => ask(api.GET('/api/v1/schemas/{kind}', { params: { path: { kind } } })),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const known = schema.data as JsonSchema | undefined;
  const language = useMemo(() => [yaml(), known ? yaml().language.data.of({ autocomplete: completer(known) }) : []], [known]);
  const dirty = text !== given;
  useBlocker({
    shouldBlockFn: () => !saved.current && !confirm(t('resources.leave')),
    enableBeforeUnload: () => dirty && !saved.current,
    disabled: !dirty,
  });

  const attempt = async (act: () => Promise<void>) => {
    setBusy(true);
    setProblem(undefined);
    try {
      await act();
    } catch (thrown) {
      setProblem(Problem.of(thrown));
    } finally {
      setBusy(false);
    }
  };
  const check = () => attempt(async () => setChanges(await apply(text, true)));
  const save = () =>
    attempt(async () => {
      await refuseStale();
      const applied = await apply(text);
      await resourcesChanged(client);
      saved.current = true;
      const first = applied.find(change => change.kind === kind) ?? applied[0];
      if (first) done(first.kind, first.name);
      else router.history.back();
    });
  /** Another's change since this page was opened is not written over. */
  const refuseStale = async () => {
    if (version === undefined) return;
    const name = String(parseDocument(text).get('name') ?? '');
    const now = await ask(api.GET('/api/v1/resources/{kind}/{name}', { params: { path: { kind, name } } }));
    if (now.version !== version) {
      const message = t('resources.stale', { user: now.updated_by, version: now.version });
      throw new Problem(409, 'version_conflict', message, 'user', false, t('resources.staleHint'), null);
    }
  };
  return (
    <Panel
      title="YAML"
      lead={t('resources.keys')}
      flush
      actions={<Commands lines={[['dataux', `dataux apply -f - <<'YAML'\n${text.trimEnd()}\nYAML`]]} />}
    >
      <CodeEditor
        label={t('resources.editor')}
        value={text}
        change={value => {
          setText(value);
          setChanges(undefined);
        }}
        extensions={language}
        run={check}
        height="min(60vh, 40rem)"
      />
      <div className={classes.foot}>
        {problem && <ProblemView problem={problem} />}
        {changes && <Changes changes={changes} />}
        <Group gap="xs">
          <Button size="xs" variant="default" onClick={check} loading={busy && !changes} aria-keyshortcuts="Control+Enter">
            {t('resources.check')}
          </Button>
          <Button
            size="xs"
            onClick={save}
            disabled={!changes || changes.every(({ action }) => action === 'unchanged')}
            loading={busy && changes !== undefined}
          >
            {t('resources.save')}
          </Button>
          {!changes && <span className={classes.hint}>{t('resources.checkFirst')}</span>}
        </Group>
      </div>
    </Panel>
  );
}

/** What a save would do, value by value. */
function Changes({ changes }: { changes: Schemas['Change'][] }) {
  const t = useT();
  return (
    <div className={classes.changes} role="status">
      {changes.map(({ kind, name, action, diff }) => (
        <div key={`${kind}/${name}`}>
          <strong>
            {kind}/<bdi>{name}</bdi>:{' '}
            {action === 'created' || action === 'updated' ? t(`resources.would.${action}`) : t('resources.would.unchanged')}
          </strong>
          {diff.length > 0 && <pre>{diff.join('\n')}</pre>}
        </div>
      ))}
    </div>
  );
}
