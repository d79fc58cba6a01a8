import { PassthroughError } from '../errors.ts';
import type { EndpointHost } from '../pci/host-device.ts';
import { Group, type GuestRam } from './group.ts';
import { HostFacts } from './host-facts.ts';
import { type InterruptPump, loadBinding, type VfioBinding } from './native-binding.ts';

/** A machine's interrupt thread, shared by its endpoints. */
interface SharedPump {
  readonly pump: InterruptPump;
  users: number;
}

/**
 * What all endpoints of this process share: the addon, the host's facts, the groups that are held (a group can be
 * opened once only, and serves all of its devices), and one interrupt thread for each machine.
 */
export class VfioHost {
  readonly facts: HostFacts;
  private readonly load: () => VfioBinding;
  private readonly groups = new Map<number, Group>();
  /** What is claimed, and the memory of the machine that has it. */
  private readonly claims = new Map<string, object>();
  private readonly pumps = new Map<object, SharedPump>();

  constructor(facts: HostFacts = new HostFacts(), load: () => VfioBinding = loadBinding) {
    this.facts = facts;
    this.load = load;
  }

  /** @throws PassthroughError when the addon is not built */
  get binding(): VfioBinding {
    return this.load();
  }

  /** Bytes of RAM that all containers of this process have pinned. */
  get pinnedBytes(): number {
    let total = 0;
    for (const group of this.groups.values()) total += group.ram.bytes.byteLength;
    return total;
  }

  /** What else is pinned when a device of a machine is opened, and how many containers the machine has then. */
  pinningFor(
    address: string,
    memory: object,
    ramSize: number,
  ): { readonly pinned: number; readonly containers: number } {
    const containers = [...this.groups.values()].filter((group) => group.ram.memory === memory).length;
    const number = this.facts.device(address)?.group;
    // A group that is open already has its container.
    return number !== undefined && this.groups.has(number)
      ? { pinned: this.pinnedBytes - ramSize, containers }
      : { pinned: this.pinnedBytes, containers: containers + 1 };
  }

  /** Descriptors of the groups held, by number. */
  heldGroup(number: number): Group | undefined {
    return this.groups.get(number);
  }

  /** True while an endpoint of this process has the device. */
  holdsDevice(address: string): boolean {
    return this.claims.has(address);
  }

  /** Addresses of the devices that a machine has, or is about to get. */
  devicesOf(memory: object): string[] {
    return [...this.claims].filter(([, owner]) => owner === memory).map(([address]) => address);
  }

  /** Reserves a device for one endpoint. @param memory of the endpoint's machine */
  claim(address: string, memory: object): void {
    if (this.claims.has(address))
      throw new PassthroughError(
        `PCI device ${address} is given twice, or to two machines of this process.`,
        'Name each device once.',
      );
    this.claims.set(address, memory);
  }

  unclaim(address: string): void {
    this.claims.delete(address);
  }

  /** The open group with guest RAM mapped in its container; opened now unless another device of it did. */
  acquireGroup(number: number, address: string, ram: GuestRam): Group {
    const held = this.groups.get(number);
    if (held) {
      if (held.ram.memory !== ram.memory)
        throw new PassthroughError(
          `${address} shares IOMMU group ${number} with a device of another machine of this process: both machines would see each other's memory.`,
          'Give all devices of a group to one machine.',
        );
      held.users++;
      return held;
    }
    const { pinned, containers } = this.pinningFor(address, ram.memory, ram.bytes.byteLength);
    const group = Group.open(this.binding, this.facts, number, address, ram, pinned, containers);
    this.groups.set(number, group);
    return group;
  }

  releaseGroup(group: Group): void {
    if (--group.users > 0) return;
    this.groups.delete(group.number);
    group.close();
  }

  /** The interrupt thread of the machine that owns this memory; started for its first endpoint. */
  acquirePump(host: EndpointHost): InterruptPump {
    const shared = this.pumps.get(host.memory);
    if (shared) {
      shared.users++;
      return shared.pump;
    }
    const pump = new this.binding.InterruptPump(
      new Uint8Array(host.memory.buffer),
      host.eventWordOffset,
      host.sleepingWordOffset,
      () => host.wake(),
    );
    this.pumps.set(host.memory, { pump, users: 1 });
    return pump;
  }

  releasePump(host: EndpointHost): void {
    const shared = this.pumps.get(host.memory);
    if (!shared || --shared.users > 0) return;
    this.pumps.delete(host.memory);
    shared.pump.close();
  }
}

/** The one of this process. */
export const vfioHost = new VfioHost();
