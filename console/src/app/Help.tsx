import { Kbd, Modal } from '@mantine/core';
import classes from './Help.module.css';
import { useT } from './locale';
import { places } from './places';

export function Help({ close }: { close: () => void }) {
  const t = useT();
  const keys: [string[], string][] = [
    [['Ctrl', 'K'], t('app.help.find')],
    ...places.map(({ letter, key }): [string[], string] => [['g', letter], t('app.help.go', { place: t(key) })]),
    [['Ctrl', 'Enter'], t('app.help.run')],
    [['Esc'], t('app.help.close')],
    [['?'], t('app.help.help')],
  ];
  return (
    <Modal opened onClose={close} title={t('app.help.title')} closeButtonProps={{ 'aria-label': t('ui.close') }}>
      <dl className={classes.list}>
        {keys.map(([pressed, meaning]) => (
          <div key={meaning}>
            <dt>
              {pressed.map(one => (
                <Kbd key={one} size="sm">
                  {one}
                </Kbd>
              ))}
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}
