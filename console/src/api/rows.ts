import { type DataType, type RecordBatch, RecordBatchReader, type Schema, Type, type Vector } from 'apache-arrow';
import { text } from './cell';
import { plain } from './client';
import { Problem } from './problem';

/** Most bytes of one answer that a page holds. */
export const bytesMax = 256 * 1024 * 1024;

export interface Column {
  name: string;
  /** The Arrow type in words. */
  type: string;
  /** Whether it reads from the right. */
  number: boolean;
}

/** Rows as they came, in batches; nothing is copied, and a cell becomes text when it is looked at. */
export class Rows {
  columns: Column[] = [];
  count = 0;
  bytes = 0;
  /** It stops here because the page holds no more. */
  full = false;
  private readonly batches: RecordBatch[] = [];
  private readonly starts: number[] = [];
  private vectors: (Vector | null)[] = [];
  private last = -1;

  describe(schema: Schema) {
    this.columns = schema.fields.map(({ name, type }) => ({ name, type: shown(type), number: numeric(type) }));
  }

  add(batch: RecordBatch) {
    if (batch.numRows === 0) return;
    this.batches.push(batch);
    this.starts.push(this.count);
    this.count += batch.numRows;
    this.bytes += batch.data.byteLength;
  }

  /** The text of a cell; null for NULL. */
  text(row: number, column: number): string | null {
    const index = this.find(row);
    if (index !== this.last) {
      const batch = this.batches[index];
      this.vectors = this.columns.map((_, at) => batch?.getChildAt(at) ?? null);
      this.last = index;
    }
    const vector = this.vectors[column];
    return vector ? text(vector, row - (this.starts[index] ?? 0)) : null;
  }

  /** Which batch holds a row. */
  private find(row: number): number {
    let [low, high] = [0, this.starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.starts[middle] ?? 0) <= row) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

export interface Asked {
  sql: string;
  parameters?: Record<string, unknown>;
  signal: AbortSignal;
  /** Called after each batch, with the same object each time. */
  more: (rows: Rows) => void;
}

/** Runs a statement and gathers its rows. Aborting the signal cancels the query on the server as well. */
export async function runSql({ sql, parameters = {}, signal, more }: Asked): Promise<Rows> {
  const response = await plain('/api/v1/sql', {
    method: 'POST',
    signal,
    headers: { 'content-type': 'application/json', accept: 'application/vnd.apache.arrow.stream' },
    body: JSON.stringify({ sql, parameters }),
  });
  const rows = new Rows();
  try {
    const reader = await RecordBatchReader.from(response.body as ReadableStream<Uint8Array>);
    await reader.open();
    rows.describe(reader.schema);
    more(rows);
    for await (const batch of reader) {
      signal.throwIfAborted();
      rows.add(batch);
      more(rows);
      if (rows.bytes > bytesMax) {
        rows.full = true;
        await response.body?.cancel().catch(() => {});
        break;
      }
    }
  } catch (thrown) {
    if (signal.aborted) throw signal.reason;
    // Arrow has no place for an error in the middle, so the server cuts the connection.
    throw new Problem(
      200,
      'answer_cut',
      thrown instanceof Error ? thrown.message : String(thrown),
      'network',
      true,
      null,
      response.headers.get('x-trace-id'),
    );
  }
  return rows;
}

function numeric(type: DataType): boolean {
  return type.typeId === Type.Int || type.typeId === Type.Float || type.typeId === Type.Decimal;
}

/** A type as SQL's readers know it. */
function shown(type: DataType): string {
  return String(type)
    .replace(/^Utf8$|^LargeUtf8$/, 'text')
    .replace(/^Date32<DAY>$/, 'date')
    .replace(/^Timestamp<\w+, (.*)>$/, 'timestamp $1')
    .replace(/^Timestamp<\w+>$/, 'timestamp')
    .replace(/^Decimal\[(\d+)e([+-]\d+)\]$/, (_, precision, scale) => `decimal(${precision},${Number(scale)})`)
    .replace(/^Bool$/, 'boolean')
    .toLowerCase();
}
