import { Button, Menu } from '@mantine/core';
import { IconChevronDown, IconTool } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, ask } from '../api/client';
import { useT } from '../app/locale';
import { Confirm } from '../ui/form/Confirm';

/** The upkeep of a lake table. What would be deleted is counted before it is. */
export function Maintain({ table }: { table: string }) {
  const t = useT();
  const client = useQueryClient();
  const [act, setAct] = useState<'optimize' | 'vacuum'>();
  const [files, setFiles] = useState<number>();
  const path = { params: { path: { name: table } } };
  const optimize = () => ask(api.POST('/api/v1/tables/{name}/optimize', path));
  const vacuum = (trial: boolean) => ask(api.POST('/api/v1/tables/{name}/vacuum', { ...path, body: { trial } }));
  const run = async () => {
    if (act === 'optimize') await optimize();
    else await vacuum(false);
    await client.invalidateQueries({ queryKey: ['table', table] });
  };
  const askFirst = () => {
    setFiles(undefined);
    setAct('vacuum');
    vacuum(true).then(
      report => setFiles(report.files.length),
      () => setFiles(undefined),
    );
  };
  return (
    <>
      <Menu position="bottom-end" withArrow>
        <Menu.Target>
          <Button size="xs" variant="default" leftSection={<IconTool size={15} />} rightSection={<IconChevronDown size={14} />}>
            {t('catalog.maintain')}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => setAct('optimize')}>{t('catalog.optimize')}</Menu.Item>
          <Menu.Item onClick={askFirst}>{t('catalog.vacuum')}</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {act === 'optimize' && (
        <Confirm
          title={t('catalog.optimize')}
          text={t('catalog.optimizeText', { table })}
          act={t('catalog.optimize')}
          close={() => setAct(undefined)}
          run={run}
        />
      )}
      {act === 'vacuum' && (
        <Confirm
          title={t('catalog.vacuum')}
          text={files === undefined ? t('catalog.vacuumCounting') : t('catalog.vacuumText', { table, files })}
          act={t('catalog.vacuum')}
          danger
          close={() => setAct(undefined)}
          run={run}
        />
      )}
    </>
  );
}
