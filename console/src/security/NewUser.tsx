import { Button, Checkbox, Group, Modal, PasswordInput, Stack, TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api, ask } from '../api/client';
import { Problem } from '../api/problem';
import * as questions from '../api/questions';
import { apply, document } from '../api/resources';
import { useT } from '../app/locale';
import { CopyLine } from '../ui/form/CopyLine';
import { resourcesChanged } from '../ui/form/changed';
import { ProblemView } from '../ui/state/ProblemView';

/** Declares a user and sets a first password. */
export function NewUser({ close }: { close: () => void }) {
  const t = useT();
  const client = useQueryClient();
  const declared = useQuery(questions.resources('Role'));
  const [name, setName] = useState('');
  const [shown, setShown] = useState('');
  const [roles, setRoles] = useState<string[]>([]);
  const [password, setPassword] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const text = document('User', name || 'NAME', { display_name: shown, roles });

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      await apply(text);
      if (password) await ask(api.PUT('/api/v1/users/{name}/password', { params: { path: { name } }, body: { password } }));
      await resourcesChanged(client);
      close();
    } catch (thrown) {
      setProblem(Problem.of(thrown));
      setBusy(false);
    }
  };
  const known = ['admin', ...(declared.data?.items ?? []).map(role => role.name)];
  return (
    <Modal opened onClose={close} title={t('security.newUser')} closeButtonProps={{ 'aria-label': t('ui.close') }}>
      <Stack component="form" gap="sm" onSubmit={submit}>
        <TextInput
          label={t('security.user')}
          description={t('security.userHint')}
          required
          value={name}
          onChange={event => setName(event.currentTarget.value)}
          data-autofocus
        />
        <TextInput label={t('security.name')} value={shown} onChange={event => setShown(event.currentTarget.value)} />
        <Checkbox.Group label={t('security.tab.roles')} value={roles} onChange={setRoles}>
          <Group gap="md" mt={4}>
            {known.map(role => (
              <Checkbox key={role} value={role} label={role} />
            ))}
          </Group>
        </Checkbox.Group>
        <PasswordInput
          label={t('security.firstPassword')}
          autoComplete="new-password"
          value={password}
          onChange={event => setPassword(event.currentTarget.value)}
          visibilityToggleButtonProps={{ 'aria-label': t('app.signIn.show') }}
        />
        {problem && <ProblemView problem={problem} />}
        <CopyLine text={text.trimEnd()} />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={close}>
            {t('ui.keep')}
          </Button>
          <Button type="submit" loading={busy}>
            {t('security.create')}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
