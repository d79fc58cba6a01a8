import type { PciEndpoint } from '../pci/endpoint.ts';
import { closeBackends } from './backends.ts';
import type { MachineParts } from './machine-parts.ts';
import type { NormalizedOptions } from './options.ts';
import { drainDevices } from './saved-machine.ts';

/** How a machine ended. */
export interface MachineExit {
  /**
   * `poweroff` and `reset` by the guest (PSCI), `semihosting` by a guest that gave an exit code, `stopped` by
   * `machine.stop()`.
   */
  readonly reason: 'poweroff' | 'reset' | 'semihosting' | 'stopped';
  /** Exit code that the guest gave, 0 to 255; 0 for other reasons. */
  readonly code: number;
}

/** Does a step of a machine's end. What fails keeps no other from its end: endpoints and listeners are the user's code. */
export async function attempt(failures: unknown[], step: () => unknown): Promise<void> {
  try {
    await step();
  } catch (failure) {
    failures.push(failure);
  }
}

/**
 * Gives everything back: devices to the host, files and networks to who opened them.
 * @param plugged the endpoints on the machine's bus
 * @param failures takes what went wrong
 */
export async function giveBack(
  parts: MachineParts,
  options: NormalizedOptions,
  plugged: readonly PciEndpoint[],
  failures: unknown[],
): Promise<void> {
  const { board, hostEndpoints, semihosting, serial, virtioConsole } = parts;
  for (const endpoint of hostEndpoints.list) await attempt(failures, () => endpoint.close());
  for (const endpoint of plugged) await attempt(failures, () => board.hostBridge.detach(endpoint));
  for (const file of options.flash) await attempt(failures, () => file?.close?.());
  await drainDevices(board, plugged);
  failures.push(...(await closeBackends(options)));
  await attempt(failures, () => semihosting?.files.closeAll());
  await attempt(failures, () => serial.close());
  await attempt(failures, () => virtioConsole?.close());
}
