import type { Requester } from '../ports/mmio.ts';
import type { StreamTarget } from './stream.ts';

/** Bytes of a PCI function's interrupt message (PCI 3.0 6.8.3.3). */
const MESSAGE_SIZE = 4;

/**
 * An SMMU with a way around it for interrupt messages: a word that is written to the doorbell's own address is a message,
 * whatever the SMMU says of that address. Linux for 32-bit Arm never maps the doorbell, so without it no device behind an
 * SMMU could interrupt. Software that does map it writes messages to another address, which is translated.
 */
export class MessagePassage implements StreamTarget {
  private readonly doorbell: number;
  private readonly memory: StreamTarget;
  private readonly smmu: StreamTarget;

  /**
   * @param doorbell physical address of the register that takes messages
   * @param memory what it is in
   */
  constructor(doorbell: number, memory: StreamTarget, smmu: StreamTarget) {
    this.doorbell = doorbell;
    this.memory = memory;
    this.smmu = smmu;
  }

  read(address: number, into: Uint8Array, requester: Requester): boolean {
    return this.smmu.read(address, into, requester);
  }

  write(address: number, from: Uint8Array, requester: Requester): boolean {
    const isMessage = address === this.doorbell && from.length === MESSAGE_SIZE;
    return (isMessage ? this.memory : this.smmu).write(address, from, requester);
  }
}
