import { defineConfig } from '@playwright/test';

/** The built binary with the airline's data, seen through Debian's Chromium. One worker: the tests share a server. */
export default defineConfig({
  testDir: 'tests/journeys',
  globalSetup: './tests/journeys/server.ts',
  workers: 1,
  retries: 0,
  forbidOnly: true,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  outputDir: 'test-results',
  reporter: [['line'], ['json', { outputFile: process.env.REPORT ?? 'test-results/playwright.json' }]],
  use: {
    viewport: { width: 1280, height: 800 },
    locale: 'en-US',
    timezoneId: 'UTC',
    actionTimeout: 15_000,
    trace: 'retain-on-failure',
    launchOptions: { executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] },
  },
});
