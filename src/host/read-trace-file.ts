import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { TraceError } from '../errors.ts';
import { TraceReader } from '../trace/read-trace.ts';
import { explain } from './files.ts';

/** A file with as many events as a page can have is smaller. */
const MAX_BYTES = 2 ** 30;
/** No record is nearly as long: what goes on is no trace. */
const MAX_LINE = 2 ** 20;

/**
 * Reads a trace piece by piece.
 * @throws TraceError when it can't be read, or is none that can be shown
 */
export async function readTraceFile(path: string): Promise<TraceReader> {
  const where = `'${path}'`;
  const reader = new TraceReader(where);
  try {
    const { size } = await stat(path);
    if (size > MAX_BYTES) {
      throw new TraceError(
        `${where} has ${(size / 2 ** 30).toFixed(1)} GiB, and a page can hold a trace of 1 GiB`,
        'trace fewer categories, or show a part: (head -n 1 FILE; tail -n 1000000 FILE) > PART; armemu trace PART',
      );
    }
    let rest = '';
    for await (const piece of createReadStream(path, { encoding: 'utf8', highWaterMark: MAX_LINE })) {
      const lines = (rest + piece).split('\n');
      rest = lines.pop() as string;
      for (const line of lines) reader.add(line);
      if (rest.length > MAX_LINE) break;
    }
    // The last line of a trace has an end, too; without it, it is not all there.
    if (rest !== '') reader.add(rest.length > MAX_LINE ? rest.slice(0, 200) : rest);
  } catch (cause) {
    if (cause instanceof TraceError) throw cause;
    const [reason, remedy] = explain(cause);
    throw new TraceError(`can't read the trace ${where}: ${reason}`, remedy, { cause });
  }
  return reader;
}
