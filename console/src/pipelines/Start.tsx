import { Alert, Button, Group, Modal, SegmentedControl, Stack, Text, TextInput } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { api, ask, type Schemas } from '../api/client';
import { Problem } from '../api/problem';
import { useT } from '../app/locale';
import { CopyLine } from '../ui/form/CopyLine';
import { quoted } from '../ui/form/shell';
import { ProblemView } from '../ui/state/ProblemView';

/** Most days of one backfill that are started without a second thought. */
const manyDays = 31;

/** Starts one run, or one for each day of a range. */
export function Start({ pipeline, close }: { pipeline: Schemas['Resource']; close: () => void }) {
  const t = useT();
  const navigate = useNavigate();
  const declared = Object.entries((pipeline.spec as { parameters?: Record<string, unknown> }).parameters ?? {});
  const [mode, setMode] = useState<'once' | 'days'>('once');
  const [values, setValues] = useState<Record<string, string>>({});
  const [first, setFirst] = useState('');
  const [last, setLast] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();

  // The document says “an object”, which the generated types read as one without members.
  const given = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== '')) as Record<string, never>;
  const days = first && last ? (Date.parse(last) - Date.parse(first)) / 86_400_000 + 1 : 0;
  const path = { params: { path: { name: pipeline.name } } };
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      if (mode === 'once') {
        const { id } = await ask(api.POST('/api/v1/pipelines/{name}/runs', { ...path, body: { parameters: given } }));
        await navigate({ to: '/runs/$id', params: { id }, search: {} });
      } else {
        await ask(api.POST('/api/v1/pipelines/{name}/backfills', { ...path, body: { first, last, parameters: given } }));
        await navigate({ to: '/runs', search: { pipeline: pipeline.name } });
      }
      close();
    } catch (thrown) {
      setProblem(Problem.of(thrown));
      setBusy(false);
    }
  };
  const parameters = Object.entries<string>(given).map(([name, value]) => ` --parameter ${quoted(`${name}=${value}`)}`);
  const command =
    mode === 'once'
      ? `dataux run ${quoted(pipeline.name)}${parameters.join('')}`
      : `dataux backfill ${quoted(pipeline.name)} --from ${first || 'DAY'} --to ${last || 'DAY'}`;
  return (
    <Modal
      opened
      onClose={close}
      title={t('pipelines.runIt', { name: pipeline.name })}
      closeButtonProps={{ 'aria-label': t('ui.close') }}
    >
      <Stack component="form" gap="md" onSubmit={submit}>
        <SegmentedControl
          aria-label={t('pipelines.mode')}
          value={mode}
          onChange={value => setMode(value as typeof mode)}
          data={[
            { value: 'once', label: t('pipelines.once') },
            { value: 'days', label: t('pipelines.backfill') },
          ]}
        />
        {mode === 'days' && (
          <>
            <Text size="sm">{t('pipelines.backfillText')}</Text>
            <Group grow>
              <TextInput
                type="date"
                label={t('pipelines.first')}
                required
                value={first}
                onChange={event => setFirst(event.currentTarget.value)}
              />
              <TextInput
                type="date"
                label={t('pipelines.lastDay')}
                required
                value={last}
                onChange={event => setLast(event.currentTarget.value)}
              />
            </Group>
            {days > 0 && (
              <Alert variant="light" color={days > manyDays ? 'orange' : 'teal'} role="status">
                {t('pipelines.runsToBe', { count: days })}
              </Alert>
            )}
          </>
        )}
        {declared.map(([name, value]) => (
          <TextInput
            key={name}
            label={name}
            placeholder={String(value)}
            value={values[name] ?? ''}
            onChange={event => setValues({ ...values, [name]: event.currentTarget.value })}
          />
        ))}
        {problem && <ProblemView problem={problem} />}
        <CopyLine text={command} />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={close}>
            {t('ui.keep')}
          </Button>
          <Button type="submit" loading={busy} data-autofocus>
            {mode === 'days' && days > 0 ? t('pipelines.startMany', { count: days }) : t('pipelines.start')}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
