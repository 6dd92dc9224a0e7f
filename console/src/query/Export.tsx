import { Button, Group, Modal, SegmentedControl, Stack, Text } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import { plain } from '../api/client';
import { Problem } from '../api/problem';
import { useT } from '../app/locale';
import { useFormat } from '../ui/format/useFormat';
import { ProblemView } from '../ui/state/ProblemView';

const forms = {
  csv: { accept: 'text/csv', label: 'CSV' },
  ndjson: { accept: 'application/x-ndjson', label: 'NDJSON' },
  arrow: { accept: 'application/vnd.apache.arrow.stream', label: 'Arrow' },
} as const;

/** Runs the statement again and saves its whole answer as a file. */
export function Export({ sql, close }: { sql: string; close: () => void }) {
  const t = useT();
  const format = useFormat();
  const [form, setForm] = useState<keyof typeof forms>('csv');
  const [bytes, setBytes] = useState<number>();
  const [problem, setProblem] = useState<Problem>();
  const running = useRef<AbortController>(null);
  useEffect(() => () => running.current?.abort(), []);

  const save = async () => {
    const controller = new AbortController();
    running.current = controller;
    setProblem(undefined);
    setBytes(0);
    try {
      const response = await plain('/api/v1/sql', {
        method: 'POST',
        signal: controller.signal,
        headers: { 'content-type': 'application/json', accept: forms[form].accept },
        body: JSON.stringify({ sql }),
      });
      const pieces: BlobPart[] = [];
      let taken = 0;
      for await (const piece of response.body as unknown as AsyncIterable<Uint8Array<ArrayBuffer>>) {
        pieces.push(piece);
        taken += piece.byteLength;
        setBytes(taken);
      }
      const link = document.createElement('a');
      link.href = URL.createObjectURL(new Blob(pieces, { type: forms[form].accept }));
      link.download = `answer.${form}`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
      close();
    } catch (thrown) {
      if (!controller.signal.aborted) setProblem(Problem.of(thrown));
      setBytes(undefined);
    }
  };

  return (
    <Modal opened onClose={close} title={t('query.export')} closeButtonProps={{ 'aria-label': t('ui.close') }}>
      <Stack gap="md">
        <Text size="sm">{t('query.exportText')}</Text>
        <SegmentedControl
          aria-label={t('query.export')}
          value={form}
          onChange={value => setForm(value as keyof typeof forms)}
          data={Object.entries(forms).map(([value, { label }]) => ({ value, label }))}
        />
        {bytes !== undefined && (
          <Text size="sm" role="status">
            {t('query.exported', { size: format.bytes(bytes) })}
          </Text>
        )}
        {problem && <ProblemView problem={problem} />}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={close}>
            {t('query.cancel')}
          </Button>
          <Button onClick={save} loading={bytes !== undefined}>
            {t('query.save')}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
