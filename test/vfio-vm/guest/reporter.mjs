import { writeSync } from 'node:fs';

/** The pipe to main.mjs; standard output belongs to the tests. */
const PIPE = 3;

const send = (message) => writeSync(PIPE, `${JSON.stringify(message)}\n`);

function describe(error) {
  const cause = error?.cause ?? error;
  return typeof cause === 'object' && cause !== null ? (cause.stack ?? String(cause.message)) : String(cause);
}

/**
 * Reporter for node:test that streams, one JSON line for each event, so that a hanging test is known by name.
 * @param {AsyncIterable<{ type: string, data: any }>} source
 */
export async function* streamToPipe(source) {
  for await (const { type, data } of source) {
    if (type === 'test:dequeue') {
      send({ type: 'start', name: data.name });
    } else if (type === 'test:pass' || type === 'test:fail') {
      // A suite is the sum of its tests; it counts only when it failed by itself (a hook did).
      const failed = type === 'test:fail';
      const isSuite = data.details?.type === 'suite';
      if (isSuite && (!failed || data.details.error?.failureType === 'subtestsFailed')) continue;
      const skipped = data.skip !== undefined || data.todo !== undefined;
      send({
        type: failed || skipped ? 'fail' : 'pass',
        name: data.name,
        milliseconds: Math.round(data.details?.duration_ms ?? 0),
        error: failed
          ? describe(data.details.error)
          : skipped
            ? 'skipped: nothing may be skipped here'
            : undefined,
      });
    } else if (type === 'test:stderr' || type === 'test:stdout') {
      send({ type: 'output', text: data.message });
    }
  }
  // A reporter must be a generator; everything has already gone through the pipe.
  yield '';
}

// biome-ignore lint/style/noDefaultExport: node:test takes a reporter from nowhere else
export { streamToPipe as default };
