import { Button, Group, Modal, PasswordInput, Stack, Text } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { api, ask } from '../api/client';
import { Problem } from '../api/problem';
import { useT } from '../app/locale';
import { ProblemView } from '../ui/state/ProblemView';

/** Sets a user's password, which ends that user's sessions. */
export function Password({ name, close }: { name: string; close: () => void }) {
  const t = useT();
  const [password, setPassword] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      await ask(api.PUT('/api/v1/users/{name}/password', { params: { path: { name } }, body: { password } }));
      close();
    } catch (thrown) {
      setProblem(Problem.of(thrown));
      setBusy(false);
    }
  };
  return (
    <Modal opened onClose={close} title={t('security.passwordOf', { name })} closeButtonProps={{ 'aria-label': t('ui.close') }}>
      <Stack component="form" gap="sm" onSubmit={submit}>
        <Text size="sm">{t('security.passwordText')}</Text>
        <PasswordInput
          label={t('security.newPassword')}
          autoComplete="new-password"
          required
          value={password}
          onChange={event => setPassword(event.currentTarget.value)}
          visibilityToggleButtonProps={{ 'aria-label': t('app.signIn.show') }}
          data-autofocus
        />
        {problem && <ProblemView problem={problem} />}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={close}>
            {t('ui.keep')}
          </Button>
          <Button type="submit" loading={busy}>
            {t('security.set')}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
