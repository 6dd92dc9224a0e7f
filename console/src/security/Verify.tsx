import { Button, Text } from '@mantine/core';
import { IconShieldCheck } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { api, ask } from '../api/client';
import { Problem } from '../api/problem';
import { useT } from '../app/locale';
import { Notice } from '../ui/form/Notice';
import { Panel } from '../ui/page/Panel';
import { ProblemView } from '../ui/state/ProblemView';

/** Checks the chains of hashes, and says where one is broken. */
export function Verify() {
  const t = useT();
  const verify = useMutation({ mutationFn: () => ask(api.GET('/api/v1/audit/verify')) });
  const wrong = (verify.data?.chains ?? []).filter(({ problem }) => problem);
  const rows = (verify.data?.chains ?? []).reduce((sum, chain) => sum + chain.rows, 0);
  return (
    <Panel
      title={t('security.integrity')}
      lead={t('security.integrityLead')}
      actions={
        <Button
          size="xs"
          variant="default"
          leftSection={<IconShieldCheck size={15} />}
          loading={verify.isPending}
          onClick={() => verify.mutate()}
        >
          {t('security.verify')}
        </Button>
      }
    >
      {!verify.data && !verify.error && <Text size="sm">{t('security.verifyText')}</Text>}
      {verify.error && <ProblemView problem={Problem.of(verify.error)} />}
      {verify.data?.ok && <Notice>{t('security.sound', { rows, chains: verify.data.chains.length })}</Notice>}
      {wrong.map(({ chain, problem }) => (
        <ProblemView
          key={chain}
          problem={Problem.from(0, { code: 'audit_broken', message: problem, hint: t('security.broken', { chain }) })}
        />
      ))}
    </Panel>
  );
}
