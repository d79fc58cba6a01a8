import { EndpointError } from '../errors.ts';
import type { ConfigRegisters } from './config-registers.ts';
import type { BarDescription } from './endpoint.ts';
import { BaseAddress, Header } from './registers.ts';

/** Where a BAR is now: contents of its base address register. */
export interface BarPlace {
  readonly description: BarDescription;
  /** Bus address of offset 0, in memory or I/O space by the BAR's kind. Above 2^53 it is not exact (and reaches nothing). */
  readonly address: number;
}

/** Smallest BARs that the register format can express (PCI 3.0 6.2.5.1). */
const MINIMUM_SIZE = { memory32: 16, memory64: 16, io: 4 } as const;
const MAXIMUM_SIZE = { memory32: 2 ** 31, memory64: 2 ** 52, io: 2 ** 31 } as const;

/**
 * Base address registers 0 to 5. The address bits below the BAR's size are hardwired to zero; that is all that
 * sizing by all ones relies on (PCI 3.0 6.2.5.1), so it needs no state of its own.
 */
export class Bars {
  private readonly descriptions: readonly BarDescription[];
  private readonly registers: ConfigRegisters;

  /** @throws EndpointError for a BAR that PCI can't express. */
  constructor(name: string, descriptions: readonly BarDescription[], registers: ConfigRegisters) {
    this.descriptions = [...descriptions].sort((a, b) => a.index - b.index);
    this.registers = registers;
    for (let i = 0; i < 6; i++) registers.define(Header.BASE_ADDRESS_0 + 4 * i, 4, 0);
    const taken = new Set<number>();
    for (const bar of this.descriptions) {
      checkBar(name, bar);
      for (const index of bar.kind === 'memory64' ? [bar.index, bar.index + 1] : [bar.index]) {
        if (taken.has(index)) {
          throw new EndpointError(
            `PCI endpoint ${name} describes BAR ${index} twice`,
            'give each BAR a number of its own; a 64-bit BAR takes the next number too',
          );
        }
        taken.add(index);
      }
      this.define(bar);
    }
  }

  /** All BARs with their current addresses, by number. */
  places(): BarPlace[] {
    return this.descriptions.map((description) => ({ description, address: this.address(description) }));
  }

  private address(bar: BarDescription): number {
    const at = Header.BASE_ADDRESS_0 + 4 * bar.index;
    const low = this.registers.read(at, 4);
    if (bar.kind === 'io') return low - (low % 4);
    const high = bar.kind === 'memory64' ? this.registers.read(at + 4, 4) : 0;
    return high * 2 ** 32 + (low - (low % 16));
  }

  private define(bar: BarDescription): void {
    const at = Header.BASE_ADDRESS_0 + 4 * bar.index;
    const addressBits = -BigInt(bar.size);
    const low = Number(BigInt.asUintN(32, addressBits));
    switch (bar.kind) {
      case 'io':
        this.registers.define(at, 4, BaseAddress.IO, low);
        return;
      case 'memory32':
        this.registers.define(at, 4, prefetchable(bar), low);
        return;
      case 'memory64':
        this.registers.define(at, 4, BaseAddress.MEMORY_64_BIT | prefetchable(bar), low);
        this.registers.define(at + 4, 4, 0, Number(BigInt.asUintN(32, addressBits >> 32n)));
    }
  }
}

function prefetchable(bar: BarDescription): number {
  return bar.prefetchable === true ? BaseAddress.PREFETCHABLE : 0;
}

function checkBar(name: string, bar: BarDescription): void {
  const last = bar.kind === 'memory64' ? 4 : 5;
  if (!Number.isInteger(bar.index) || bar.index < 0 || bar.index > last) {
    throw new EndpointError(
      `PCI endpoint ${name} describes a ${bar.kind} BAR ${bar.index}`,
      `use a number from 0 to ${last}`,
    );
  }
  if (!isPowerOfTwo(bar.size) || bar.size < MINIMUM_SIZE[bar.kind] || bar.size > MAXIMUM_SIZE[bar.kind]) {
    throw new EndpointError(
      `PCI endpoint ${name}: BAR ${bar.index} (${bar.kind}) has a size of ${bar.size} bytes`,
      `use a power of two from ${MINIMUM_SIZE[bar.kind]} to ${MAXIMUM_SIZE[bar.kind]}`,
    );
  }
}

function isPowerOfTwo(n: number): boolean {
  return Number.isSafeInteger(n) && n > 0 && (BigInt(n) & (BigInt(n) - 1n)) === 0n;
}
