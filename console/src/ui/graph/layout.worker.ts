import { layout, type Wanted } from './layout';

// Large graphs take seconds, which the page must not.
addEventListener('message', ({ data }: MessageEvent<Wanted>) => postMessage(layout(data)));
