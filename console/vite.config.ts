import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

// Where `make console-dev` finds a server to talk to.
const server = process.env.DATAUX_URL ?? 'http://127.0.0.1:8080';

/** Puts a gzip copy beside each file, so that the server never compresses. */
function gzip(): Plugin {
  return {
    name: 'gzip',
    apply: 'build',
    closeBundle() {
      const folder = join(import.meta.dirname, 'dist', 'assets');
      for (const file of readdirSync(folder).filter(name => /\.(js|css)$/.test(name))) {
        writeFileSync(join(folder, `${file}.gz`), gzipSync(readFileSync(join(folder, file)), { level: 9 }));
      }
    },
  };
}

export default defineConfig({
  base: '/console/',
  // The server puts a fresh nonce in its place for each page it sends.
  html: { cspNonce: 'CSP_NONCE' },
  plugins: [react(), gzip()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    manifest: 'manifest.json',
    chunkSizeWarningLimit: 700,
  },
  server: { proxy: { '^/(api|services|healthz|readyz|metrics)(/|$)': { target: server } } },
  test: { include: ['src/**/*.test.ts', 'tests/*.test.ts'] },
});
