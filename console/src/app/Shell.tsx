import { AppShell, Burger } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { Outlet, useLocation } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';
import { Bar } from './Bar';
import { Hotkeys } from './Hotkeys';
import { useT } from './locale';
import { Nav } from './Nav';
import classes from './Shell.module.css';

export function Shell() {
  const t = useT();
  const [open, { toggle, close }] = useDisclosure();
  const { pathname } = useLocation();
  const main = useRef<HTMLDivElement>(null);
  const first = useRef(true);

  // biome-ignore lint/correctness/useExhaustiveDependencies: each new address closes the menu, and is read out from its beginning
  useEffect(() => {
    close();
    if (first.current) first.current = false;
    else main.current?.focus({ preventScroll: true });
  }, [pathname, close]);

  return (
    <AppShell header={{ height: 48 }} navbar={{ width: 188, breakpoint: 'sm', collapsed: { mobile: !open } }} padding={0}>
      <a className={classes.skip} href="#main">
        {t('app.skip')}
      </a>
      <AppShell.Header className={classes.header}>
        <Burger opened={open} onClick={toggle} hiddenFrom="sm" size="sm" aria-label={t('app.menu')} />
        <Bar />
      </AppShell.Header>
      <AppShell.Navbar className={classes.navbar} aria-label={t('app.menu')}>
        <Nav />
      </AppShell.Navbar>
      <AppShell.Main className={classes.main} id="main" tabIndex={-1} ref={main}>
        <Outlet />
      </AppShell.Main>
      <Hotkeys />
    </AppShell>
  );
}
