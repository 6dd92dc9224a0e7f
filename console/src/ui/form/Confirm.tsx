import { Button, Group, Modal, Stack, Text } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { Problem } from '../../api/problem';
import { useT } from '../../app/locale';
import { ProblemView } from '../state/ProblemView';

/** Says what an act will do before it does it; stays open with the reason when it fails. */
export function Confirm(props: {
  title: string;
  text: ReactNode;
  act: string;
  danger?: boolean;
  close: () => void;
  run: () => Promise<unknown>;
}) {
  const { title, text, act, danger, close, run } = props;
  const t = useT();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const confirm = async () => {
    setBusy(true);
    setProblem(undefined);
    try {
      await run();
      close();
    } catch (thrown) {
      setProblem(Problem.of(thrown));
      setBusy(false);
    }
  };
  return (
    <Modal opened onClose={close} title={title} closeButtonProps={{ 'aria-label': t('ui.close') }}>
      <Stack gap="md">
        <Text size="sm" component="div">
          {text}
        </Text>
        {problem && <ProblemView problem={problem} />}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={close} data-autofocus>
            {t('ui.keep')}
          </Button>
          <Button color={danger ? 'red.9' : undefined} loading={busy} onClick={confirm}>
            {act}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
