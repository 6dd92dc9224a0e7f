import { expect, test } from 'vitest';
import { Problem } from './problem';

test('what the API says is kept', () => {
  const problem = Problem.from(404, {
    code: 'table_not_found',
    message: 'there is no table x',
    blame: 'user',
    retry: false,
    hint: 'did you mean y?',
    trace_id: '0123',
  });
  expect(problem).toMatchObject({
    status: 404,
    code: 'table_not_found',
    blame: 'user',
    retry: false,
    hint: 'did you mean y?',
    traceId: '0123',
  });
});

test('an answer that is not ours is the platform’s', () => {
  expect(Problem.from(502, '<html>')).toMatchObject({ code: 'http_502', message: 'HTTP 502', blame: 'platform', hint: null });
});

test('a lost connection may be tried again', () => {
  expect(Problem.of(new TypeError('Failed to fetch'))).toMatchObject({ code: 'unreachable', blame: 'network', retry: true });
  expect(Problem.of('odd')).toMatchObject({ code: 'console_error', message: 'odd', retry: false });
});
