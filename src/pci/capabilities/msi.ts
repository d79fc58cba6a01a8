import { EndpointError } from '../../errors.ts';
import type { Capability, CapabilityHost, MessageSource } from '../capability.ts';
import type { ConfigRegisters } from '../config-registers.ts';
import type { FunctionDescription } from '../endpoint.ts';
import { CapabilityId } from '../registers.ts';

/** Offsets within the capability (PCI 3.0 6.8.1, figure 6-9) that all of its four forms have. */
const MESSAGE_CONTROL = 2;
const MESSAGE_ADDRESS = 4;

/**
 * Offsets within the capability: what follows the address moves with its width, and a mask needs the pending bits. Each
 * form has a length of its own, the offset behind its last register.
 */
export function msiRegisters(is64Bit: boolean, maskable: boolean) {
  const MESSAGE_DATA = is64Bit ? 12 : 8;
  const upper = is64Bit ? { MESSAGE_UPPER_ADDRESS: 8 } : {};
  const bits = maskable ? { MASK_BITS: MESSAGE_DATA + 4, PENDING_BITS: MESSAGE_DATA + 8 } : {};
  const length = maskable ? MESSAGE_DATA + 12 : MESSAGE_DATA + 2;
  return { length, offsets: { MESSAGE_CONTROL, MESSAGE_ADDRESS, ...upper, MESSAGE_DATA, ...bits } };
}

/** Message control (6.8.1.3). */
const MSI_ENABLE = 1 << 0;
const MULTIPLE_MESSAGE_CAPABLE_SHIFT = 1;
const MULTIPLE_MESSAGE_ENABLE_SHIFT = 4;
const MULTIPLE_MESSAGE_MASK = 0b111;
const ADDRESS_64_BIT_CAPABLE = 1 << 7;
const PER_VECTOR_MASKING_CAPABLE = 1 << 8;

/** Message signaled interrupts (PCI 3.0 6.8.1). */
export class Msi implements Capability, MessageSource {
  readonly id = CapabilityId.MSI;
  readonly length: number;
  readonly wantedOffset: number | undefined;
  private readonly host: CapabilityHost;
  private readonly description: NonNullable<FunctionDescription['msi']>;
  private readonly upperOffset: number | undefined;
  private readonly dataOffset: number;
  private readonly maskOffset: number;
  private readonly pendingOffset: number;
  private registers!: ConfigRegisters;
  private offset = 0;
  private isEnabled = false;
  private allocated = 1;
  private masks = 0;

  /** @throws EndpointError unless `vectors` is 1, 2, 4, 8, 16 or 32. */
  constructor(
    host: CapabilityHost,
    name: string,
    description: NonNullable<FunctionDescription['msi']>,
    wantedOffset: number | undefined,
  ) {
    if (![1, 2, 4, 8, 16, 32].includes(description.vectors)) {
      throw new EndpointError(
        `PCI endpoint ${name} describes ${description.vectors} MSI vectors`,
        'use 1, 2, 4, 8, 16 or 32',
      );
    }
    this.host = host;
    this.description = description;
    this.wantedOffset = wantedOffset;
    const { length, offsets } = msiRegisters(description.is64Bit, description.maskable);
    this.length = length;
    this.upperOffset = offsets.MESSAGE_UPPER_ADDRESS;
    this.dataOffset = offsets.MESSAGE_DATA;
    // Without a mask nothing is ever read or written there.
    this.maskOffset = offsets.MASK_BITS ?? length;
    this.pendingOffset = offsets.PENDING_BITS ?? length;
  }

  get enabled(): boolean {
    return this.isEnabled;
  }

  /** Vectors that software allocated (Multiple Message Enable), never more than the function has. */
  get vectors(): number {
    return this.allocated;
  }

  place(registers: ConfigRegisters, offset: number): void {
    this.registers = registers;
    this.offset = offset;
    const { is64Bit, maskable, vectors } = this.description;
    const capable = Math.log2(vectors) << MULTIPLE_MESSAGE_CAPABLE_SHIFT;
    const kind = (is64Bit ? ADDRESS_64_BIT_CAPABLE : 0) | (maskable ? PER_VECTOR_MASKING_CAPABLE : 0);
    // A function with one message has no use for Multiple Message Enable: its bits are hardwired to zero.
    const enable = vectors > 1 ? MULTIPLE_MESSAGE_MASK << MULTIPLE_MESSAGE_ENABLE_SHIFT : 0;
    registers.define(offset + MESSAGE_CONTROL, 2, capable | kind, MSI_ENABLE | enable);
    registers.define(offset + MESSAGE_ADDRESS, 4, 0, 0xfffffffc);
    if (this.upperOffset !== undefined) registers.define(offset + this.upperOffset, 4, 0, 0xffffffff);
    registers.define(offset + this.dataOffset, 2, 0, 0xffff);
    if (maskable) {
      registers.define(offset + this.dataOffset + 2, 2, 0);
      registers.define(offset + this.maskOffset, 4, 0, vectors === 32 ? 0xffffffff : (1 << vectors) - 1);
      registers.define(offset + this.pendingOffset, 4, 0);
    }
  }

  written(): void {
    const { isEnabled, allocated, masks } = this;
    this.refresh();
    if (this.isEnabled !== isEnabled || this.allocated !== allocated) {
      this.host.changed({ kind: 'msi', enabled: this.isEnabled, vectors: this.allocated });
    }
    for (let vector = 0; this.masks !== masks && vector < this.description.vectors; vector++) {
      if ((((this.masks ^ masks) >>> vector) & 1) === 0) continue;
      this.host.changed({ kind: 'vector', vector, masked: ((this.masks >>> vector) & 1) === 1 });
    }
    this.deliverPending();
  }

  refresh(): void {
    const control = this.registers.read(this.offset + MESSAGE_CONTROL, 2);
    this.isEnabled = (control & MSI_ENABLE) !== 0;
    const wanted = 1 << ((control >> MULTIPLE_MESSAGE_ENABLE_SHIFT) & MULTIPLE_MESSAGE_MASK);
    this.allocated = Math.min(wanted, this.description.vectors);
    this.masks = this.description.maskable ? this.registers.read(this.offset + this.maskOffset, 4) : 0;
  }

  signal(vector: number): boolean {
    if (vector < 0 || vector >= this.description.vectors) return false;
    // 6.8.3.2: with fewer messages allocated than it has, a function shares them among its vectors.
    const message = vector & (this.allocated - 1);
    if (((this.masks >>> message) & 1) === 1) {
      this.registers.update(this.offset + this.pendingOffset, 4, 0, (1 << message) >>> 0);
    } else {
      this.send(message);
    }
    return true;
  }

  deliverPending(): void {
    if (!this.isEnabled || !this.description.maskable || !this.host.mayMaster()) return;
    const pending = this.registers.read(this.offset + this.pendingOffset, 4);
    const ready = (pending & ~this.masks) >>> 0;
    if (ready === 0) return;
    this.registers.update(this.offset + this.pendingOffset, 4, ready, 0);
    for (let message = 0; message < this.allocated; message++) {
      if (((ready >>> message) & 1) === 1) this.send(message);
    }
  }

  /** 6.8.3.2: the function modifies the low bits of the message data, as many as its allocated messages need. */
  private send(message: number): void {
    const data = this.registers.read(this.offset + this.dataOffset, 2);
    const low = this.registers.read(this.offset + MESSAGE_ADDRESS, 4);
    const { upperOffset } = this;
    const high = upperOffset === undefined ? 0 : this.registers.read(this.offset + upperOffset, 4);
    this.host.sendMessage('msi', message, high * 2 ** 32 + low, (data & ~(this.allocated - 1)) | message);
  }
}
