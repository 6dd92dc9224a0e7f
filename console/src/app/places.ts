import {
  IconApi,
  IconBooks,
  IconLayoutDashboard,
  IconPlugConnected,
  IconSettings,
  IconShieldLock,
  IconSitemap,
  IconTerminal2,
} from '@tabler/icons-react';

/** The nouns of the menu, each with the letter that leads to it after `g`. */
export const places = [
  { to: '/', key: 'app.nav.overview', icon: IconLayoutDashboard, letter: 'o', also: [] },
  { to: '/catalog', key: 'app.nav.catalog', icon: IconBooks, letter: 'c', also: [] },
  { to: '/query', key: 'app.nav.query', icon: IconTerminal2, letter: 'q', also: [] },
  { to: '/connections', key: 'app.nav.connections', icon: IconPlugConnected, letter: 'n', also: [] },
  { to: '/pipelines', key: 'app.nav.pipelines', icon: IconSitemap, letter: 'p', also: ['/runs', '/quarantine'] },
  { to: '/services', key: 'app.nav.services', icon: IconApi, letter: 's', also: [] },
  { to: '/security', key: 'app.nav.security', icon: IconShieldLock, letter: 'u', also: [] },
  { to: '/system', key: 'app.nav.system', icon: IconSettings, letter: 'y', also: [] },
] as const;
