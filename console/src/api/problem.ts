/** An error as the API tells it, in the reader's language. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly blame: 'user' | 'source' | 'platform' | 'network',
    readonly retry: boolean,
    readonly hint: string | null,
    readonly traceId: string | null,
  ) {
    super(message);
    this.name = 'Problem';
  }

  /** Reads the body of a failed answer; what is not ours becomes a problem without advice. */
  static from(status: number, body: unknown): Problem {
    const said = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
    const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : null);
    const blame = text(said.blame);
    return new Problem(
      status,
      text(said.code) ?? `http_${status}`,
      text(said.message) ?? `HTTP ${status}`,
      blame === 'user' || blame === 'source' ? blame : 'platform',
      said.retry === true,
      text(said.hint),
      text(said.trace_id),
    );
  }

  /** Of anything that was thrown. The network's own sentences differ by browser, so they get a code. */
  static of(thrown: unknown): Problem {
    if (thrown instanceof Problem) return thrown;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    const network = thrown instanceof TypeError;
    return new Problem(
      0,
      network ? 'unreachable' : 'console_error',
      message,
      network ? 'network' : 'platform',
      network,
      null,
      null,
    );
  }
}
