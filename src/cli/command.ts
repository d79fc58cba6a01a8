import { createMachine } from '../index.ts';
import { main } from './command-line.ts';
import { ExitCode } from './exit-codes.ts';
import { OutputWatch } from './output-watch.ts';

/** Runs the command with the arguments and streams of this process, and ends the process. */
export async function runCommand(): Promise<never> {
  const { stdin, stdout, stderr } = process;
  // Also when an uncaught error ends the process: a terminal in raw mode is of no use to its person.
  process.once('exit', () => {
    if (stdin.isTTY) stdin.setRawMode(false);
  });
  const output = new OutputWatch(stdout);
  // What goes wrong there can be told nobody.
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
  process.exit(await output.end(exitCode, (text) => stderr.write(text)));
}
