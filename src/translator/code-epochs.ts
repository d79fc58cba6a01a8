import { type MachineMemory, MemoryLayout } from '../memory/machine-memory.ts';
import type { CachedBlock } from './cache.ts';
import { Bc } from './interpreter.ts';

/**
 * Blocks on pages that somebody may write unseen: a real device, whose DMA passes no page watch. The guest announces
 * such writes with instruction cache maintenance, which begins a new epoch: the first word of the code of every block
 * in doubt becomes Stale, so that it comes back to the dispatcher, and its source is compared before it runs again.
 */
export class CodeEpochs {
  private readonly memory: MachineMemory;
  private readonly ramBase: number;
  private readonly sources = new Map<CachedBlock, Uint8Array>();
  /** Blocks that were translated or compared in this epoch: only these can run without a comparison. */
  private readonly trusted = new Set<CachedBlock>();

  constructor(memory: MachineMemory, ramBase: number) {
    this.memory = memory;
    this.ramBase = ramBase;
  }

  /** A block was just translated from the bytes that are there. */
  added(block: CachedBlock): void {
    this.sources.set(block, this.sourceOf(block));
    this.trusted.add(block);
  }

  /** A block is gone. */
  removed(block: CachedBlock): void {
    this.sources.delete(block);
    this.trusted.delete(block);
  }

  clear(): void {
    this.sources.clear();
    this.trusted.clear();
  }

  /** Begins a new epoch for all blocks. */
  doubtAll(): void {
    for (const block of this.trusted) this.memory.words[block.code] = Bc.Stale;
    this.trusted.clear();
  }

  /** Begins a new epoch for one. */
  doubt(block: CachedBlock): void {
    if (this.trusted.delete(block)) this.memory.words[block.code] = Bc.Stale;
  }

  /** Whether the block may run: its bytes are what they were when it was translated. It then may until the next doubt. */
  confirm(block: CachedBlock): boolean {
    if (this.trusted.has(block)) return true;
    const source = this.sources.get(block);
    if (source === undefined) return false;
    const inSecond = block.secondPage < 0 ? 0 : 2;
    const inFirst = source.length - inSecond;
    if (!this.isStill(source, 0, inFirst, block.pa)) return false;
    if (inSecond > 0 && !this.isStill(source, inFirst, inSecond, block.secondPage)) return false;
    this.trusted.add(block);
    this.memory.words[block.code] = Bc.Enter;
    return true;
  }

  /** Whether a part of the source is what is at the address now. */
  private isStill(source: Uint8Array, from: number, length: number, pa: number): boolean {
    const at = MemoryLayout.ram + (pa - this.ramBase);
    const { bytes } = this.memory;
    // Outside RAM is what no device of the host reaches.
    if (pa < this.ramBase || at + length > bytes.length) return true;
    for (let i = 0; i < length; i++) if (source[from + i] !== bytes[at + i]) return false;
    return true;
  }

  private sourceOf(block: CachedBlock): Uint8Array {
    const bytes = new Uint8Array(block.bytes);
    // An instruction of 4 bytes that straddles pages has its last two on the second.
    const inSecond = block.secondPage < 0 ? 0 : 2;
    this.copy(block.pa, bytes.subarray(0, block.bytes - inSecond));
    if (inSecond > 0) this.copy(block.secondPage, bytes.subarray(block.bytes - inSecond));
    return bytes;
  }

  private copy(pa: number, into: Uint8Array): void {
    const at = MemoryLayout.ram + (pa - this.ramBase);
    if (pa < this.ramBase || at + into.length > this.memory.bytes.length) return;
    into.set(this.memory.bytes.subarray(at, at + into.length));
  }
}
