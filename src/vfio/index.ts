/** PCI passthrough (`armemu/vfio`): hands a real PCI device of a Linux host to a machine. */
import type { HostAttachedEndpoint } from '../pci/host-device.ts';
import { PassthroughEndpoint } from './passthrough-endpoint.ts';
import { resolveDevice } from './stable-path.ts';
import { vfioHost } from './vfio-host.ts';

export { parsePciAddress } from './pci-address.ts';

/**
 * A real PCI device for a machine's `pci` list: `createMachine({ pci: [vfio('0000:01:00.0')] })`. The device must be
 * bound to vfio-pci. It is opened, reset and given guest RAM when the machine is made, and given back when it stops.
 *
 * @param address PCI address on the host: `0000:01:00.0`, or `01:00.0` in domain 0000; or the device's path from its
 *   host bridge, `PNP0A03:0-1c.1-00.0`, which stays the same when buses are numbered anew
 * @throws OptionError for a malformed address, PassthroughError for a path that leads nowhere; the machine's making
 *   throws PassthroughError with the fact that stands against the device and what to do about it
 */
export function vfio(address: string): HostAttachedEndpoint {
  return new PassthroughEndpoint(resolveDevice(vfioHost.facts, address), vfioHost);
}
