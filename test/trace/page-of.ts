import { TraceReader } from '../../src/trace/read-trace.ts';
import { Trace } from '../../src/trace-page/trace.ts';

/** What the page has of some lines. */
export function pageOf(lines: readonly string[]): Trace {
  const reader = new TraceReader('the trace');
  for (const line of lines) reader.add(line);
  const { info, columns } = reader.finish('title');
  return new Trace(info, Buffer.concat(columns));
}
