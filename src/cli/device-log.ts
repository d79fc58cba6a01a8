import { OptionError } from '../errors.ts';
import type { DeviceLog } from '../ports/mmio.ts';

/** Names of QEMU's `-d`, of which there are these two. */
const ITEMS = ['guest_errors', 'unimp'] as const;

/**
 * Prints what devices report, each message once: a guest that polls a missing register says the same for ever.
 * @param items what to print, separated by commas; undefined for nothing
 * @throws OptionError for an unknown item
 */
export function createDeviceLog(items: string | undefined, print: (line: string) => unknown): DeviceLog {
  const wanted = items === undefined ? [] : items.split(',');
  const unknown = wanted.find((item) => !ITEMS.some((known) => known === item));
  if (unknown !== undefined) {
    throw new OptionError(`--log: unknown item '${unknown}'`, `there are: ${ITEMS.join(', ')}`);
  }
  const said = new Set<string>();
  const printOnce = (item: (typeof ITEMS)[number], message: string): void => {
    if (!wanted.includes(item) || said.has(message)) return;
    said.add(message);
    print(`${item}: ${message}`);
  };
  return {
    guestError: (message) => printOnce('guest_errors', message),
    unimplemented: (message) => printOnce('unimp', message),
  };
}
