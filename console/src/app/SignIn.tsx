import { Alert, Anchor, Button, Paper, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core';
import { IconDatabase } from '@tabler/icons-react';
import { type FormEvent, useState } from 'react';
import { api, ask } from '../api/client';
import { Problem } from '../api/problem';
import { LocaleSwitch } from './LocaleSwitch';
import { useT } from './locale';
import classes from './SignIn.module.css';
import { ThemeSwitch } from './ThemeSwitch';

/** Password or token. What was typed stays when it is refused, but for the secret. */
export function SignIn({ done }: { done: () => Promise<unknown> }) {
  const t = useT();
  const [byToken, setByToken] = useState(false);
  const [user, setUser] = useState('');
  const [secret, setSecret] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      if (byToken) {
        await ask(api.PUT('/api/v1/sessions/current', { headers: { authorization: `Bearer ${secret.trim()}` } }));
      } else {
        await ask(api.POST('/api/v1/sessions', { body: { user: user.trim(), password: secret, cookie: true } }));
      }
      await done();
    } catch (thrown) {
      setProblem(Problem.of(thrown));
      setSecret('');
    } finally {
      setBusy(false);
    }
  };

  return (
    <main className={classes.page}>
      <div className={classes.corner}>
        <LocaleSwitch />
        <ThemeSwitch />
      </div>
      <Paper component="form" className={classes.card} withBorder onSubmit={submit} aria-labelledby="sign-in">
        <Stack gap="md">
          <div className={classes.brand}>
            <IconDatabase size={30} aria-hidden />
            <div>
              <Title order={1} id="sign-in">
                {t('app.signIn.title')}
              </Title>
              <Text size="sm" c="dimmed">
                {t('app.signIn.lead')}
              </Text>
            </div>
          </div>
          {problem && (
            <Alert color="red" variant="light" title={problem.message} role="alert">
              {problem.hint}
            </Alert>
          )}
          {!byToken && (
            <TextInput
              label={t('app.signIn.user')}
              value={user}
              onChange={event => setUser(event.currentTarget.value)}
              autoComplete="username"
              autoCapitalize="none"
              spellCheck={false}
              required
              data-autofocus
            />
          )}
          <PasswordInput
            label={byToken ? t('app.signIn.token') : t('app.signIn.password')}
            description={byToken ? t('app.signIn.tokenHint') : undefined}
            value={secret}
            onChange={event => setSecret(event.currentTarget.value)}
            autoComplete={byToken ? 'off' : 'current-password'}
            visibilityToggleButtonProps={{ 'aria-label': t('app.signIn.show') }}
            required
          />
          <Button type="submit" loading={busy} fullWidth>
            {t('app.signIn.submit')}
          </Button>
          <Anchor component="button" type="button" size="sm" onClick={() => setByToken(!byToken)}>
            {byToken ? t('app.signIn.byPassword') : t('app.signIn.byToken')}
          </Anchor>
        </Stack>
      </Paper>
    </main>
  );
}
