import { EndpointError } from '../errors.ts';
import type { ConfigRegisters, ConfigWrite } from './config-registers.ts';
import type { ConfigChange, FunctionDescription } from './endpoint.ts';
import { CONVENTIONAL_SIZE, HEADER_SIZE, Header } from './registers.ts';

/** A structure in the capability list (PCI 3.0 6.7): what it shows, and what it does when software writes to it. */
export interface Capability {
  readonly id: number;
  /** Bytes, with the two of ID and next pointer. */
  readonly length: number;
  /** The place that the endpoint asks for. */
  readonly wantedOffset: number | undefined;
  /** Defines its registers; ID and next pointer are not its own business. */
  place(registers: ConfigRegisters, offset: number): void;
  /** Software wrote to a byte of it; the registers took the write already. */
  written(write: ConfigWrite): void;
  /** The registers were reset (or a saved state was put back): what is derived from them is derived again, silently. */
  refresh(): void;
}

/** How a function sends an interrupt as a memory write (PCI 3.0 6.8). */
export type MessageKind = 'msi' | 'msix';

/** What a capability needs of its function. */
export interface CapabilityHost {
  /** True when the function may send messages now: bus master on, in D0 (PCI 3.0 6.2.2; PM 1.2 5.4.1). */
  mayMaster(): boolean;
  /** Sends an interrupt message: a memory write of one dword (PCI 3.0 6.8). Only while `mayMaster()`. */
  sendMessage(kind: MessageKind, vector: number, address: number, data: number): void;
  /** Something changed by a guest's write. */
  changed(change: ConfigChange): void;
  /** Software asks for a function-level reset (PCIe 3.0 6.6.2). */
  functionLevelReset(): void;
}

/** MSI or MSI-X: where an endpoint's vectors go. */
export interface MessageSource {
  readonly enabled: boolean;
  /** Sends the vector's message or, when the vector is masked, makes it pending. @returns false for no such vector. */
  signal(vector: number): boolean;
  /** Sends the messages of pending vectors that are not masked any more. */
  deliverPending(): void;
}

/** Where a capability came to lie. */
export interface PlacedCapability {
  readonly capability: Capability;
  readonly offset: number;
}

/**
 * Gives every capability its place and links them in ascending order. A capability that asks for a place gets it
 * where it is free and dword-aligned; the others fill what is left.
 * @throws EndpointError when one finds no room
 */
export function placeCapabilities(
  name: string,
  capabilities: readonly Capability[],
  registers: ConfigRegisters,
): PlacedCapability[] {
  const used = new Uint8Array(CONVENTIONAL_SIZE).fill(1, 0, HEADER_SIZE);
  const isFree = (offset: number, length: number) =>
    offset >= HEADER_SIZE &&
    offset % 4 === 0 &&
    offset + length <= CONVENTIONAL_SIZE &&
    used.subarray(offset, offset + length).every((u) => u === 0);
  const placed: PlacedCapability[] = [];
  const put = (capability: Capability, offset: number) => {
    used.fill(1, offset, offset + capability.length);
    placed.push({ capability, offset });
  };
  const homeless: Capability[] = [];
  for (const capability of capabilities) {
    const { wantedOffset: wanted } = capability;
    if (wanted !== undefined && isFree(wanted, capability.length)) put(capability, wanted);
    else homeless.push(capability);
  }
  for (const capability of homeless) {
    let offset = HEADER_SIZE;
    while (offset < CONVENTIONAL_SIZE && !isFree(offset, capability.length)) offset += 4;
    if (offset === CONVENTIONAL_SIZE) {
      throw new EndpointError(
        `PCI endpoint ${name}: no room for capability ${capability.id} of ${capability.length} bytes`,
        'describe fewer or shorter capabilities: all together have 192 bytes, from 0x40 to 0xff',
      );
    }
    put(capability, offset);
  }
  placed.sort((a, b) => a.offset - b.offset);
  placed.forEach(({ capability, offset }, i) => {
    capability.place(registers, offset);
    registers.define(offset, 1, capability.id);
    registers.define(offset + 1, 1, placed[i + 1]?.offset ?? 0);
  });
  registers.define(Header.CAPABILITIES_POINTER, 1, placed[0]?.offset ?? 0);
  return placed;
}

/** A capability of the endpoint's own: shown as it is, its bytes answered by the endpoint where it wants to. */
export class ForeignCapability implements Capability {
  readonly id: number;
  readonly length: number;
  readonly wantedOffset: number | undefined;
  private readonly contents: Uint8Array;

  constructor(description: NonNullable<FunctionDescription['extraCapabilities']>[number]) {
    this.id = description.id;
    this.contents = description.bytes;
    this.length = 2 + description.bytes.length;
    this.wantedOffset = description.offset;
  }

  place(registers: ConfigRegisters, offset: number): void {
    registers.defineForeign(offset + 2, this.contents);
  }

  written(): void {}

  refresh(): void {}
}
