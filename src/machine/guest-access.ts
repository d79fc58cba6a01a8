import type { ArmCpu } from '../arm/cpu.ts';
import { StateSlot } from '../arm/state.ts';
import { GuestMemoryError, rangeText } from '../errors.ts';
import type { PhysicalMemory } from '../memory/physical-memory.ts';
import type { Requester } from '../ports/mmio.ts';

const DEBUGGER: Requester = { kind: 'cpu', cpu: 0, streamId: 0, secure: false, privileged: true };

/** A machine's physical address space, for the user of the library. Device registers are really read and written. */
export class GuestMemory {
  private readonly physical: PhysicalMemory;

  constructor(physical: PhysicalMemory) {
    this.physical = physical;
  }

  /**
   * @param address guest physical address in bytes.
   * @param length bytes to read.
   * @returns a copy.
   * @throws GuestMemoryError when neither RAM nor a device answers at one of the addresses.
   */
  read(address: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    if (!this.physical.readBytes(address, bytes, DEBUGGER)) throw this.nothingThere(address, length);
    return bytes;
  }

  /**
   * Stores bytes at a guest physical address; translated code there is thrown away.
   * @throws GuestMemoryError as for `read`; bytes before the first bad address have been written then.
   */
  write(address: number, bytes: Uint8Array): void {
    if (!this.physical.writeBytes(address, bytes, DEBUGGER)) throw this.nothingThere(address, bytes.length);
  }

  /** A little-endian word of 4 bytes, unsigned. */
  readWord(address: number): number {
    return new DataView(this.read(address, 4).buffer).getUint32(0, true);
  }

  writeWord(address: number, value: number): void {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value >>> 0, true);
    this.write(address, bytes);
  }

  private nothingThere(address: number, length: number): GuestMemoryError {
    const { ramBase, ramSize } = this.physical;
    return new GuestMemoryError(
      `no memory or device at ${rangeText(address, length)}`,
      `RAM is at ${rangeText(ramBase, ramSize)}`,
    );
  }
}

/** One CPU's core registers, for the user of the library; values are unsigned. */
export class GuestCpu {
  private readonly cpu: ArmCpu;

  constructor(cpu: ArmCpu) {
    this.cpu = cpu;
  }

  /** R0 to R14 of the current mode, and PC at 15: the address of the next instruction. */
  get registers(): readonly number[] {
    return Array.from(this.cpu.state.slots.subarray(0, 16), (word) => word >>> 0);
  }

  /** @param n 0 to 14, or 15 for the address where the CPU goes on. */
  setRegister(n: number, value: number): void {
    if (!Number.isInteger(n) || n < 0 || n > 15) {
      throw new GuestMemoryError(`there is no register R${n}`, 'use 0 to 15');
    }
    this.cpu.state.slots[n] = value;
  }

  get pc(): number {
    return this.cpu.state.slots[StateSlot.PC] >>> 0;
  }

  /** ARM DDI 0406C B1.3.3. */
  get cpsr(): number {
    return this.cpu.state.cpsr >>> 0;
  }

  /** 'on', or 'off' while PSCI has the CPU switched off. */
  get power(): 'on' | 'off' {
    return this.cpu.power;
  }
}
