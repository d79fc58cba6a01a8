import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { OutputWatch } from '../../src/cli/output-watch.ts';

/** Standard output that fails with an error of the host, as a file on a full disk does. */
const failing = (code: string): Writable =>
  new Writable({
    write: (_chunk, _encoding, done) => done(Object.assign(new Error(`write ${code}`), { code })),
  });

/** What a command that wrote a line and came to `exitCode` ends with, and says. */
async function ended(output: Writable, exitCode = 0): Promise<{ code: number; said: string }> {
  const watch = new OutputWatch(output);
  output.write('a line\n');
  let said = '';
  const code = await watch.end(exitCode, (text) => {
    said += text;
  });
  return { code, said };
}

test('output on a full disk: the person is told, and the exit code is not that of success', async () => {
  expect(await ended(failing('ENOSPC'))).toEqual({
    code: 74,
    said: "armemu: can't write to standard output: the disk is full; the rest is lost\n  make room there, or send it elsewhere\n",
  });
});

test('an error that is not known is said as the host says it', async () => {
  expect((await ended(failing('EIO'))).said).toContain("can't write to standard output: write EIO;");
});

test('a reader that went away is no news to the person who sent it away', async () => {
  expect(await ended(failing('EPIPE'))).toEqual({ code: 141, said: '' });
});

test('what the command ended with for another reason stays', async () => {
  expect((await ended(failing('ENOSPC'), 2)).code).toBe(2);
});

test('output that arrives late is waited for', async () => {
  let arrived = false;
  const slow = new Writable({
    write: (_chunk, _encoding, done) =>
      void sleep(20).then(() => {
        arrived = true;
        done();
      }),
  });
  expect(await ended(slow)).toEqual({ code: 0, said: '' });
  expect(arrived).toBe(true);
});

test('whoever sent a signal does not wait for a reader that stands still', async () => {
  const still = new Writable({ write: () => {} });
  expect(await ended(still, 143)).toEqual({ code: 143, said: '' });
});
