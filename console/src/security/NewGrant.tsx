import { Button, Checkbox, Group, Modal, NativeSelect, Stack, TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { Problem } from '../api/problem';
import * as questions from '../api/questions';
import { apply, document } from '../api/resources';
import { useT } from '../app/locale';
import { CopyLine } from '../ui/form/CopyLine';
import { resourcesChanged } from '../ui/form/changed';
import { ProblemView } from '../ui/state/ProblemView';
import { nameOf } from './grant';

const privileges = ['select', 'modify', 'create', 'execute', 'manage'] as const;

/** Gives a role or a user a right on objects. */
export function NewGrant({ close }: { close: () => void }) {
  const t = useT();
  const client = useQueryClient();
  const roles = useQuery(questions.resources('Role'));
  const users = useQuery(questions.resources('User'));
  const tables = useQuery(questions.tables);
  const services = useQuery(questions.resources('DataService'));
  const [to, setTo] = useState('');
  const [allow, setAllow] = useState<string[]>(['select']);
  const [on, setOn] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();

  const [kind, who] = to.split(/:(.*)/s);
  const grant = { to: kind === 'user' ? { user: who } : { role: who }, allow, on: on.split(/[\s,]+/).filter(Boolean) };
  const text = document('Grant', nameOf(grant) || 'NAME', grant);
  const names = (tables.data?.items ?? []).map(({ name }) => name);
  const objects = new Set([
    ...names.flatMap(name => [name.split('.')[0] ?? '', name.slice(0, name.lastIndexOf('.')), name]),
    ...(services.data?.items ?? []).map(({ name }) => `service:${name}`),
  ]);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      await apply(text);
      await resourcesChanged(client);
      close();
    } catch (thrown) {
      setProblem(Problem.of(thrown));
      setBusy(false);
    }
  };
  return (
    <Modal opened onClose={close} title={t('security.newGrant')} closeButtonProps={{ 'aria-label': t('ui.close') }}>
      <Stack component="form" gap="sm" onSubmit={submit}>
        <NativeSelect
          label={t('security.to')}
          required
          value={to}
          onChange={event => setTo(event.currentTarget.value)}
          data={[
            { value: '', label: '' },
            ...(roles.data?.items ?? []).map(({ name }) => ({
              value: `role:${name}`,
              label: t('security.toRole', { role: name }),
            })),
            ...(users.data?.items ?? []).map(({ name }) => ({
              value: `user:${name}`,
              label: t('security.toUser', { user: name }),
            })),
          ]}
          data-autofocus
        />
        <Checkbox.Group label={t('security.allow')} value={allow} onChange={setAllow} required>
          <Stack gap={6} mt={4}>
            {privileges.map(privilege => (
              <Checkbox key={privilege} value={privilege} label={privilege} description={t(`security.privilege.${privilege}`)} />
            ))}
          </Stack>
        </Checkbox.Group>
        <TextInput
          label={t('security.on')}
          description={t('security.onHint')}
          required
          list="grant-objects"
          value={on}
          onChange={event => setOn(event.currentTarget.value)}
        />
        <datalist id="grant-objects">
          {[...objects].sort().map(object => (
            <option key={object} value={object} />
          ))}
        </datalist>
        {problem && <ProblemView problem={problem} />}
        <CopyLine text={text.trimEnd()} />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={close}>
            {t('ui.keep')}
          </Button>
          <Button type="submit" loading={busy} disabled={allow.length === 0}>
            {t('security.give')}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
