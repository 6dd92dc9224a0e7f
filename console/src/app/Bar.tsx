import { ActionIcon, Kbd, Menu, UnstyledButton } from '@mantine/core';
import { IconDatabase, IconLogout, IconSearch, IconUser } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import classes from './Bar.module.css';
import { openPalette } from './keys';
import { LocaleSwitch } from './LocaleSwitch';
import { useT } from './locale';
import { useSession } from './session';
import { ThemeSwitch } from './ThemeSwitch';

export function Bar() {
  const t = useT();
  const { who, signOut } = useSession();
  return (
    <>
      <Link to="/" className={classes.brand} aria-label="dataux">
        <IconDatabase size={22} stroke={1.8} aria-hidden />
        <span className={classes.name}>dataux</span>
      </Link>
      <UnstyledButton
        className={classes.search}
        onClick={openPalette}
        aria-label={t('app.palette.open')}
        aria-keyshortcuts="Control+K"
      >
        <IconSearch size={16} aria-hidden />
        <span className={classes.searchText}>{t('app.palette.open')}</span>
        <Kbd size="xs" className={classes.key}>
          Ctrl K
        </Kbd>
      </UnstyledButton>
      <div className={classes.right}>
        <LocaleSwitch />
        <ThemeSwitch />
        <Menu position="bottom-end" withArrow>
          <Menu.Target>
            <ActionIcon variant="default" size={30} aria-label={t('app.account', { user: who.user })}>
              <IconUser size={17} />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Label>
              {who.user}
              {who.roles.length > 0 && ` · ${who.roles.join(', ')}`}
            </Menu.Label>
            <Menu.Item leftSection={<IconLogout size={16} />} onClick={signOut}>
              {t('app.signOut')}
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
      </div>
    </>
  );
}
