import { Kbd, UnstyledButton } from '@mantine/core';
import { IconDatabase, IconSearch } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { lazy, Suspense } from 'react';
import classes from './Bar.module.css';
import { openPalette } from './keys';
import { LocaleSwitch } from './LocaleSwitch';
import { useT } from './locale';
import { ThemeSwitch } from './ThemeSwitch';

// The menu’s library is large, and the page shows without it.
const Account = lazy(() => import('./Account').then(module => ({ default: module.Account })));

export function Bar() {
  const t = useT();
  return (
    <>
      <Link to="/" className={classes.brand} aria-label="dataux">
        <IconDatabase size={22} stroke={1.8} aria-hidden />
        <span className={classes.name}>dataux</span>
      </Link>
      <UnstyledButton className={classes.search} onClick={openPalette} aria-keyshortcuts="Control+K">
        <IconSearch size={16} aria-hidden />
        <span className={classes.searchText}>{t('app.palette.open')}</span>
        <Kbd size="xs" className={classes.key}>
          Ctrl K
        </Kbd>
      </UnstyledButton>
      <div className={classes.right}>
        <LocaleSwitch />
        <ThemeSwitch />
        <Suspense>
          <Account />
        </Suspense>
      </div>
    </>
  );
}
