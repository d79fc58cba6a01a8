#!/usr/bin/env node
import { createMachine } from '../index.ts';
import { main } from './command-line.ts';
import { ExitCode, SIGNAL_EXIT_CODES } from './exit-codes.ts';

/** What is left of the output has this long to get out after a signal. */
const LAST_OUTPUT_MS = 500;

const { stdin, stdout, stderr } = process;

// Also when an uncaught error ends the process: a terminal in raw mode is of no use to its person.
process.once('exit', () => {
  if (stdin.isTTY) stdin.setRawMode(false);
});
// The session ends the machine when the reader of our output goes away; then the message has no reader either.
stdout.on('error', () => {});
stderr.on('error', () => {});

process.exitCode = ExitCode.internalError;
const exitCode = await main(process.argv.slice(2), {
  stdin,
  stdout,
  stderr,
  signals: process,
  library: {
    createMachine,
    vfio: async (address) => (await import('../vfio/index.ts')).vfio(address),
    hostDevices: async () => new (await import('../vfio/host-devices.ts')).HostDevices(),
  },
});
// Standard output may be a pipe, which is written behind our back: leave when the last byte is out.
// Who sent a signal does not wait for a reader that stands still.
if (Object.values(SIGNAL_EXIT_CODES).includes(exitCode))
  setTimeout(() => process.exit(exitCode), LAST_OUTPUT_MS);
stdout.write('', () => process.exit(exitCode));
