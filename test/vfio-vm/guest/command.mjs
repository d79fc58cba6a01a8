import { EventEmitter } from 'node:events';
import { main } from '../../../dist/cli/command-line.js';
import { HostDevices } from '../../../dist/vfio/host-devices.js';

class Output extends EventEmitter {
  text = '';

  write(chunk) {
    this.text += chunk;
    return true;
  }
}

/**
 * Runs a command of armemu that starts no guest, in this process: Node takes seconds to start here.
 * @param {string[]} args
 * @returns {Promise<{ code: number, output: string, errors: string }>}
 */
export async function command(...args) {
  const [stdout, stderr] = [new Output(), new Output()];
  const refuse = () => {
    throw new Error(`armemu ${args.join(' ')} starts a guest`);
  };
  const code = await main(args, {
    stdin: Object.assign(new EventEmitter(), { pause: refuse, resume: refuse }),
    stdout,
    stderr,
    signals: new EventEmitter(),
    library: { createMachine: refuse, vfio: refuse, hostDevices: async () => new HostDevices() },
  });
  return { code, output: stdout.text, errors: stderr.text };
}

/** `armemu vfio check` of devices: its exit code, and for each device what came of its checks, by name. */
export async function check(...args) {
  const { code, output, errors } = await command('vfio', 'check', '--json', ...args);
  if (output === '') throw new Error(`armemu vfio check ${args.join(' ')}: ${errors}`);
  return { code, devices: checksOf(output) };
}

/** The checks of each device, by name, from what `check --json` printed. */
export function checksOf(json) {
  return JSON.parse(json).map(({ checks }) => Object.fromEntries(checks.map((each) => [each.name, each])));
}
