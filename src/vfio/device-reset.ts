import type { VfioDevice } from './device.ts';
import { isNativeError } from './native-binding.ts';
import type { VfioHost } from './vfio-host.ts';

const COMMAND = 0x04;
/** Command register (PCI 3.0 6.2.2). */
export const Command = { IO: 1 << 0, MEMORY: 1 << 1, BUS_MASTER: 1 << 2, INTX_DISABLE: 1 << 10 } as const;

/** Sets some bits of the real command register and leaves the others. @returns what the register reads then */
export function updateCommand(device: VfioDevice, mask: number, bits: number): number {
  const old = device.readConfig(COMMAND, 2);
  device.writeConfig(COMMAND, 2, (old & ~mask) | bits);
  return device.readConfig(COMMAND, 2);
}

/** Ends the device's DMA and its decoding: what it was told before must not reach memory that is about to change hands. */
export function quiesce(device: VfioDevice): void {
  updateCommand(device, Command.IO | Command.MEMORY | Command.BUS_MASTER, 0);
}

/**
 * Resets a quiet device by the kernel's own way for it, else by a reset of its bus, and that only if every device on it is
 * in a group of ours and none but this one is in use.
 * @returns undefined when it was reset, else why not
 */
export function resetDevice(device: VfioDevice, host: VfioHost): string | undefined {
  try {
    if (device.resettable) {
      device.reset();
      return undefined;
    }
    const scope = device.hotResetScope();
    const groups = new Map(scope.map(({ group }) => [group, host.heldGroup(group)?.descriptor]));
    const foreign = scope.filter(({ group }) => groups.get(group) === undefined);
    if (foreign.length > 0)
      return `a reset of its bus would also reset ${foreign.map(({ address }) => address).join(', ')}`;
    const busy = scope.filter(({ address }) => address !== device.address && host.holdsDevice(address));
    if (busy.length > 0)
      return `a reset of its bus would also reset ${busy.map(({ address }) => address).join(', ')}, in use by the guest`;
    device.hotReset([...groups.values()].filter((descriptor) => descriptor !== undefined));
    return undefined;
  } catch (error) {
    if (isNativeError(error)) return error.message;
    throw error;
  }
}
