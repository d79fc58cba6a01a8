import type { PassthroughError } from '../errors.ts';
import { Container } from './container.ts';
import { GroupMappings } from './group-mappings.ts';
import type { HostFacts } from './host-facts.ts';
import { isNativeError, type VfioBinding } from './native-binding.ts';
import {
  checkReservedRanges,
  explainGroupBusy,
  explainNoPermission,
  explainNotViable,
  explainUnsafeInterrupts,
  pinningFailed,
} from './preflight.ts';
import * as abi from './vfio-abi.ts';

/** Guest RAM as devices reach it. */
export interface GuestRam {
  /** The machine's memory, as its identity. */
  readonly memory: object;
  /** The RAM in it, page-aligned. */
  readonly bytes: Uint8Array;
  /** Guest physical address of its start. */
  readonly base: number;
  /**
   * Absent: all of it is mapped, I/O virtual address = guest physical address. An emulated SMMU maps it by itself: nothing is
   * mapped at first.
   */
  readonly behindIommu?: boolean;
}

/**
 * An IOMMU group with a container of its own, so that each group can have a translation of its own (an SMMU model
 * gives each stream one). Pins guest RAM once for each group.
 */
export class Group {
  readonly number: number;
  readonly ram: GuestRam;
  readonly container: Container;
  /** What devices reach. */
  readonly mappings: GroupMappings;
  /** Endpoints that hold the group. */
  users = 1;
  readonly descriptor: number;
  private readonly binding: VfioBinding;

  private constructor(
    binding: VfioBinding,
    number: number,
    descriptor: number,
    container: Container,
    mappings: GroupMappings,
    ram: GuestRam,
  ) {
    this.binding = binding;
    this.number = number;
    this.descriptor = descriptor;
    this.container = container;
    this.mappings = mappings;
    this.ram = ram;
  }

  /**
   * Opens a group in the kernel's order and maps guest RAM.
   * @param address the device that it is opened for, for messages
   * @param pinned bytes that this process has pinned already
   * @param containers containers that the machine has with this one
   * @throws PassthroughError; nothing stays open
   */
  static open(
    binding: VfioBinding,
    facts: HostFacts,
    number: number,
    address: string,
    ram: GuestRam,
    pinned: number,
    containers: number,
  ): Group {
    const ramSize = ram.bytes.byteLength;
    const undo: (() => void)[] = [];
    try {
      const container = stepOrExplain(() => Container.open(binding, facts.vfioPath('vfio')), {
        EACCES: (cause) => explainNoPermission(facts.vfioPath('vfio'), cause),
        EPERM: (cause) => explainNoPermission(facts.vfioPath('vfio'), cause),
      });
      undo.push(() => container.close());

      const path = facts.vfioPath(number);
      const descriptor = stepOrExplain(() => binding.open(path), {
        EBUSY: (cause) => explainGroupBusy(number, path, cause),
        EACCES: (cause) => explainNoPermission(path, cause),
        EPERM: (cause) => explainNoPermission(path, cause),
      });
      undo.push(() => binding.close(descriptor));
      const status = binding.groupStatus(descriptor);
      if ((status & abi.GROUP_FLAGS_VIABLE) === 0) throw explainNotViable(facts, number);

      stepOrExplain(() => binding.groupSetContainer(descriptor, container.descriptor), {
        EBUSY: (cause) => explainGroupBusy(number, path, cause),
      });
      const info = stepOrExplain(() => container.enable(), {
        EPERM: (cause) => explainUnsafeInterrupts(facts, address, cause),
      });
      checkReservedRanges(address, info, ram.base, ramSize, facts.reservedRegions(number));
      binding.keepFromChildren(ram.bytes);
      if (ram.behindIommu !== true)
        stepOrExplain(() => container.map(ram.base, ram.bytes), {
          ENOMEM: (cause) => pinningFailed(facts, ramSize, pinned, containers, cause),
        });
      const unmapsAll = ram.behindIommu === true && container.canUnmapAll();
      const mappings = new GroupMappings(container, ram.bytes, info, unmapsAll);
      return new Group(binding, number, descriptor, container, mappings, ram);
    } catch (error) {
      for (const step of undo.reverse()) step();
      throw error;
    }
  }

  /** @returns the device's descriptor */
  openDevice(address: string): number {
    return this.binding.groupDevice(this.descriptor, address);
  }

  /** Gives the group back, after its last device was closed; closing the container unmaps and unpins RAM. */
  close(): void {
    this.mappings.close();
    this.binding.close(this.descriptor);
    this.container.close();
  }
}

type Explanations = Readonly<Record<string, (cause: unknown) => PassthroughError>>;

function stepOrExplain<T>(step: () => T, explanations: Explanations): T {
  try {
    return step();
  } catch (error) {
    const explain = isNativeError(error) ? explanations[error.code] : undefined;
    throw explain ? explain(error) : error;
  }
}
