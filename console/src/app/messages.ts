import type en from './messages.en';

/** The keys of all sentences; English has them all, and a test holds Chinese to the same. */
export type Key = keyof typeof en;
