import { expect } from 'vitest';
import type { MmioDevice } from '../../src/ports/mmio.ts';
import type { Promotion } from '../../src/translator/wasm/region-store.ts';
import * as a from './assembler.ts';
import { Bench, CODE, smallPage } from './bench.ts';

/** The same guest in the interpreter, which is the reference, and in WebAssembly. */
export type EnginePair = readonly [Bench, Bench];

const MAINTAIN = CODE + 0x2000;
const ICIALLU = a.mcr(0, 7, 0, 5, 0);

/** @param device makes one for each of the two */
export function enginePair(
  promotion: Promotion,
  prepare: (bench: Bench) => void,
  device?: () => MmioDevice,
): EnginePair {
  const options = () => (device === undefined ? {} : { device: device() });
  const pair: EnginePair = [
    new Bench({ kind: 'interpreter', ...options() }),
    new Bench({ kind: 'wasm', promotion, ...options() }),
  ];
  for (const bench of pair) prepare(bench);
  return pair;
}

/** Runs both for so many instructions, and compares them, again and again. */
export function agree(pair: EnginePair, runs: number, instructions: number): void {
  for (let i = 0; i < runs; i++) {
    for (const bench of pair) bench.run(instructions);
    expect(pair[1].snapshot()).toBe(pair[0].snapshot());
  }
}

/** The guest writes a word of its code, and says so; then it goes on where it was. */
export function rewrite(pair: EnginePair, address: number, word: number): void {
  for (const bench of pair) {
    const pc = bench.pc();
    bench.load(MAINTAIN, [a.str(7, 8), ICIALLU, a.ISB, a.B_SELF]);
    bench.set(7, word);
    bench.set(8, address);
    bench.jump(MAINTAIN);
    bench.run(4);
    bench.jump(pc);
  }
}

/** A page of virtual addresses that is at one page of RAM after the other; others of its MiB may be, too. */
export class MovingPage {
  private readonly va: number;
  private readonly tables = new Map<Bench, number>();

  constructor(va: number) {
    this.va = va;
  }

  /** Switches the MMU on. */
  begin(bench: Bench, pa: number): void {
    this.tables.set(bench, bench.mmuOn().second(this.va));
    this.map(bench, pa);
  }

  map(bench: Bench, pa: number, va = this.va): void {
    const table = this.tables.get(bench) as number;
    bench.load(table + ((va >>> 12) & 0xff) * 4, [smallPage(pa)]);
    bench.cpu.invalidateTlb(false, va);
  }
}
