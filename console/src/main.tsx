import './app/styles';
import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Problem } from './api/problem';
import { LocaleProvider } from './app/locale';
import { router } from './app/routes';
import { SessionProvider } from './app/session';
import { theme, variables } from './app/theme';

// The server also answers at `/`, where people type.
if (!location.pathname.startsWith('/console/')) history.replaceState(null, '', `/console/${location.search}${location.hash}`);

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // What cannot succeed is not asked again.
      retry: (failures, thrown) => failures < 2 && Problem.of(thrown).retry,
    },
    mutations: { retry: false },
  },
});

const nonce = document.querySelector<HTMLMetaElement>('meta[property=csp-nonce]')?.nonce;
// Where the library that keeps the page from scrolling behind a dialog looks for it.
Object.assign(globalThis, { __webpack_nonce__: nonce });

// After an upgrade the files of the page that is open are gone; the address leads to the new ones.
addEventListener('vite:preloadError', event => {
  const again = 'dataux.reloaded';
  if (Date.now() - Number(sessionStorage.getItem(again) ?? 0) < 30_000) return;
  event.preventDefault();
  sessionStorage.setItem(again, String(Date.now()));
  location.reload();
});

const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto" getStyleNonce={() => nonce ?? ''}>
        <QueryClientProvider client={client}>
          <LocaleProvider>
            <SessionProvider>
              <RouterProvider router={router} />
            </SessionProvider>
          </LocaleProvider>
        </QueryClientProvider>
      </MantineProvider>
    </StrictMode>,
  );
}
