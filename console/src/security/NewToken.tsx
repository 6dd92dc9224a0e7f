import { Button, Group, Modal, NativeSelect, Stack, Text, TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api, ask } from '../api/client';
import { Problem } from '../api/problem';
import * as questions from '../api/questions';
import { useT } from '../app/locale';
import { useSession } from '../app/session';
import { CopyLine } from '../ui/form/CopyLine';
import { ProblemView } from '../ui/state/ProblemView';

const day = 86_400;

/** Makes a token; its secret is shown this once. */
export function NewToken({ close }: { close: () => void }) {
  const t = useT();
  const { who } = useSession();
  const client = useQueryClient();
  const services = useQuery(questions.resources('DataService'));
  const [name, setName] = useState('');
  const [user, setUser] = useState('');
  const [days, setDays] = useState('90');
  const [service, setService] = useState('');
  const [secret, setSecret] = useState<string>();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      const scope = service
        ? ([{ allow: ['execute'], on: [`service:${service}`] }] as unknown as Record<string, never>[])
        : undefined;
      const made = await ask(
        api.POST('/api/v1/tokens', {
          body: { name, user: user || undefined, expires_in_seconds: days ? Number(days) * day : undefined, scope },
        }),
      );
      await client.invalidateQueries({ queryKey: ['tokens'] });
      setSecret(made.token);
    } catch (thrown) {
      setProblem(Problem.of(thrown));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Modal
      opened
      onClose={close}
      title={t('security.newToken')}
      closeOnClickOutside={!secret}
      closeButtonProps={{ 'aria-label': t('ui.close') }}
    >
      {secret ? (
        <Stack gap="sm">
          <Text size="sm">{t('security.secretOnce')}</Text>
          <CopyLine text={secret} />
          <Group justify="flex-end">
            <Button onClick={close}>{t('security.copied')}</Button>
          </Group>
        </Stack>
      ) : (
        <Stack component="form" gap="sm" onSubmit={submit}>
          <TextInput
            label={t('security.name')}
            description={t('security.tokenNameHint')}
            required
            value={name}
            onChange={event => setName(event.currentTarget.value)}
            data-autofocus
          />
          {who.admin && (
            <TextInput
              label={t('security.user')}
              placeholder={who.user}
              value={user}
              onChange={event => setUser(event.currentTarget.value)}
            />
          )}
          <NativeSelect
            label={t('security.ends')}
            value={days}
            onChange={event => setDays(event.currentTarget.value)}
            data={[
              ...['7', '30', '90', '365'].map(value => ({ value, label: t('security.days', { count: Number(value) }) })),
              { value: '', label: t('security.neverEnds') },
            ]}
          />
          <NativeSelect
            label={t('security.scope')}
            value={service}
            onChange={event => setService(event.currentTarget.value)}
            data={[
              { value: '', label: t('security.wholeScope') },
              ...(services.data?.items ?? []).map(one => ({
                value: one.name,
                label: t('security.onlyService', { name: one.name }),
              })),
            ]}
          />
          {problem && <ProblemView problem={problem} />}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={close}>
              {t('ui.keep')}
            </Button>
            <Button type="submit" loading={busy}>
              {t('security.create')}
            </Button>
          </Group>
        </Stack>
      )}
    </Modal>
  );
}
