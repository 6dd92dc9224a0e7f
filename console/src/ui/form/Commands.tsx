import { Button, Popover, Stack, Text } from '@mantine/core';
import { IconCode } from '@tabler/icons-react';
import { useT } from '../../app/locale';
import { CopyLine } from './CopyLine';

/** The same outside the console: each line a name and a command. Everything here is an API call. */
export function Commands({ lines }: { lines: [string, string][] }) {
  const t = useT();
  return (
    <Popover width={520} position="bottom-end" withArrow trapFocus>
      <Popover.Target>
        <Button variant="default" size="xs" leftSection={<IconCode size={15} />}>
          {t('ui.commands')}
        </Button>
      </Popover.Target>
      <Popover.Dropdown maw="95vw">
        <Stack gap="xs">
          {lines.map(([name, text]) => (
            <div key={name}>
              <Text size="xs" fw={600} mb={2}>
                {name}
              </Text>
              <CopyLine text={text} />
            </div>
          ))}
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}
