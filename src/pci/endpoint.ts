import type { Clock } from '../ports/clock.ts';
import type { DmaPort } from '../ports/dma.ts';
import type { AccessSize, Requester } from '../ports/mmio.ts';
import type { PlainValue } from '../ports/saveable.ts';

/** One base address register as the endpoint wants it. */
export interface BarDescription {
  /** BAR number, 0 to 5. A 64-bit BAR takes the next number too. */
  readonly index: number;
  readonly kind: 'memory32' | 'memory64' | 'io';
  readonly prefetchable?: boolean;
  /** Size in bytes, a power of two: at least 16 for memory, 4 for I/O. */
  readonly size: number;
}

/** What an endpoint shows in its type 0 configuration header and capability list (PCI 3.0 6.1, 6.7). */
export interface FunctionDescription {
  readonly vendorId: number;
  readonly deviceId: number;
  readonly revision?: number;
  /** 24 bits: base class, sub-class, programming interface. */
  readonly classCode: number;
  readonly subsystemVendorId?: number;
  readonly subsystemId?: number;
  readonly bars: readonly BarDescription[];
  /** 1 to 4 for INTA to INTD, 0 for none. */
  readonly interruptPin?: 0 | 1 | 2 | 3 | 4;
  /** Number of MSI vectors (1, 2, 4, 8, 16, 32); absent: no MSI capability. */
  readonly msi?: { readonly vectors: number; readonly is64Bit: boolean; readonly maskable: boolean };
  /** The table and PBA live in a BAR of the endpoint; the host bridge traps them, the endpoint never sees them. */
  readonly msix?: {
    readonly vectors: number;
    readonly tableBar: number;
    readonly tableOffset: number;
    readonly pbaBar: number;
    readonly pbaOffset: number;
  };
  /** PCI Express capability: presented as a root complex integrated endpoint. */
  readonly pcie?: boolean;
  /** Function Level Reset Capable (PCIe 7.8.3): a guest's function-level reset calls `reset()`. Needs `pcie`. */
  readonly functionLevelReset?: boolean;
  readonly powerManagement?: boolean;
  /**
   * Capabilities of the endpoint's own: bytes after the two header bytes. With `offset` (a real device) the capability sits there
   * in configuration space, and its bytes are asked from `readConfig`/`writeConfig` first.
   */
  readonly extraCapabilities?: readonly {
    readonly id: number;
    readonly bytes: Uint8Array;
    readonly offset?: number;
  }[];
  /**
   * Where the standard capabilities sit (a real device keeps its own places, so that its device-specific registers stay where
   * they are); the bus chooses a place for each that is absent.
   */
  readonly capabilityOffsets?: {
    readonly powerManagement?: number;
    readonly msi?: number;
    readonly msix?: number;
    readonly pcie?: number;
  };
}

/** What the bus gives to an endpoint. Valid from `attach` to `detach`. */
export interface EndpointPort {
  readonly clock: Clock;
  /** Transfers fail (return false, move nothing) while the guest has bus mastering off. */
  readonly dma: DmaPort;
  /** Level of the function's interrupt pin. Not seen by the guest while INTx is disabled or MSI/MSI-X is on. */
  setIntx(level: boolean): void;
  /**
   * Signals MSI or MSI-X vector `vector`, whichever the guest enabled. Masked vectors become pending.
   * @returns false when neither is enabled, or bus mastering is off: nothing was sent.
   */
  signalMsi(vector: number): boolean;
  /** True when MSI or MSI-X is enabled by the guest. */
  readonly msiEnabled: boolean;
}

/**
 * A PCI function in software (or the stand-in for a real one). Implement this to plug your own device
 * into a machine: `createMachine({ pci: [myEndpoint] })`.
 *
 * BAR reads return unsigned integers; an endpoint never throws for what a guest does.
 */
export interface PciEndpoint {
  /** Short name for logs and listings. */
  readonly name: string;
  readonly description: FunctionDescription;
  attach(port: EndpointPort): void;
  detach(): void;
  /**
   * Bus reset or function-level reset: back to the state after power on. The function's configuration (command, BARs,
   * MSI, MSI-X) already is; `configChanged({ kind: 'function-reset' })` follows.
   */
  reset(): void;
  readBar(bar: number, offset: number, size: AccessSize, requester: Requester): number;
  writeBar(bar: number, offset: number, size: AccessSize, value: number, requester: Requester): void;
  /** Absent: two 4-byte accesses, the lower offset first. */
  readBar64?(bar: number, offset: number, requester: Requester): bigint;
  writeBar64?(bar: number, offset: number, value: bigint, requester: Requester): void;
  /**
   * Lets an endpoint (passthrough) follow the guest's configuration of it: called after the function's command
   * register, power state, MSI/MSI-X control, or a vector's mask changed.
   */
  configChanged?(change: ConfigChange): void;
  /**
   * Configuration space that the endpoint answers itself (passthrough: device-specific registers and capabilities).
   * Consulted for bytes that the bus does not own; `undefined` means the bus's own value (or zero).
   */
  readConfig?(offset: number, size: AccessSize): number | undefined;
  /**
   * Status bit 3 (PCI 3.0 6.2.3) of an endpoint whose own hardware knows it (passthrough): asked when the guest reads
   * Status. Absent: the level that `setIntx` was given last.
   */
  interruptPending?(): boolean;
  /** @returns true when the endpoint took the write. */
  writeConfig?(offset: number, size: AccessSize, value: number): boolean;
  /**
   * A copy of everything that the endpoint remembers (`null` for nothing), timers as absolute deadlines. A machine with an
   * endpoint that has not this can't be saved. What the bus keeps (configuration, MSI-X table, pin) is not its business.
   */
  saveState?(): PlainValue;
  /**
   * Takes what `saveState` of an equal endpoint gave; called once, after `attach`. Drives nothing.
   * @throws RangeError when that can't be a state of it
   */
  restoreState?(state: PlainValue): void;
  /** Finishes what is under way outside of the machine, before a save. Absent: there is nothing of that kind. */
  drain?(): Promise<void>;
}

/** What changed in a function's configuration. */
export type ConfigChange =
  | {
      readonly kind: 'command';
      readonly memory: boolean;
      readonly io: boolean;
      readonly busMaster: boolean;
      readonly intxDisabled: boolean;
    }
  | { readonly kind: 'power'; readonly state: 0 | 1 | 2 | 3 }
  | { readonly kind: 'msi'; readonly enabled: boolean; readonly vectors: number }
  | { readonly kind: 'msix'; readonly enabled: boolean; readonly functionMasked: boolean }
  | { readonly kind: 'vector'; readonly vector: number; readonly masked: boolean }
  /** The guest's interrupt controller finished (EOI or deactivate) the SPI that this function's pin drives. */
  | { readonly kind: 'intx-eoi' }
  /** The whole configuration went back to its state after power on; `reset()` has just been called. */
  | { readonly kind: 'function-reset' };
