import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Translator } from '../../../src/iommu/translate.ts';
import { DmaRight } from '../../../src/ports/host-mappings.ts';
import { FaultKind } from '../../../src/vmsa/walk.ts';
import { RAM, RAM_SIZE, ShadowRig, STREAM } from './rig.ts';

/** Six pages for tables of the first stage, six for those of the second, whose first table stays as it is. */
const FIRST = RAM + 0x10_0000;
const SECOND = RAM + 0x20_0000;
const PAGES = 6;
const SLOTS = [0, 1, 2, 15, 256, 511];
const REGION = 2 ** 25;

const step = fc.record({
  do: fc.constantFrom('first', 'first', 'second', 'second', 'device', 'barrier', 'register'),
  page: fc.nat(PAGES - 1),
  slot: fc.constantFrom(...SLOTS),
  seed: fc.nat(),
});

/** Of the first stage addresses are the second's, which has RAM mostly where it is. */
function descriptor(seed: number, pool: number, isSecond: boolean): bigint {
  const rest = Math.floor(seed / 8);
  const table = BigInt(pool + (rest % PAGES) * 4096) | 3n;
  const rights = isSecond
    ? [0x4c0n, 0x440n, 0x480n, 0x0c0n][rest % 4]
    : [0x440n, 0x4c0n, 0x400n, 0x040n][rest % 4];
  const address = BigInt(RAM + (Math.floor(rest / 4) % (RAM_SIZE / 4096)) * 4096);
  if (seed % 8 === 0) return 0n;
  if (seed % 8 < 4) return table;
  if (seed % 8 === 4) return address | rights | 1n;
  if (seed % 8 === 5 && isSecond) return 0x0800_0000n | rights | 3n;
  return address | rights | 3n;
}

class Nested {
  readonly rig = new ShadowRig();
  readonly device = this.rig.device();

  constructor() {
    const { rig } = this;
    // Stage 2 with 32 bits of addresses: entry 1 of its first table is for RAM, 2 MiB of which are as they are.
    rig.double(SECOND + 8, BigInt(SECOND + 4096) | 3n);
    rig.double(SECOND + 4096, BigInt(RAM) | 0x4c1n);
    rig.double(SECOND + 4096 + 8, BigInt(RAM + 0x20_0000) | 0x4c1n);
    rig.double(FIRST, BigInt(FIRST + 4096) | 3n);
    rig.double(FIRST + 4096, BigInt(RAM + 0x3000) | 0x443n);
    rig.setBank(0, 'TTBR0', FIRST);
    rig.setBank(0, 'TCR', 0x8080_0007);
    rig.setBank(0, 'SCTLR', 0x1067);
    rig.setBank(1, 'TTBR0', SECOND);
    rig.setBank(1, 'TCR', 0x8000_0040);
    rig.setBank(1, 'SCTLR', 0x1067);
    rig.route(0, STREAM, 0);
    rig.set(0x1000, 0x0003_0100);
    rig.set(0x1004, 0);
    rig.set(0, 0x1c36);
  }

  /** What an access of the stream would come to: the way of emulated devices, one page after the other. */
  private page(iova: number): string {
    const context = this.rig.smmu.contextOf(STREAM);
    if (context.kind !== 'stages') throw new Error(context.kind);
    const translator = new Translator((address) =>
      address >= RAM && address < RAM + RAM_SIZE ? this.rig.words[(address - RAM) >>> 2] >>> 0 : undefined,
    );
    let text = '';
    for (const write of [false, true]) {
      const access = { streamId: STREAM, write, instruction: false, privileged: false };
      const { fault, physical } = translator.translate(iova, access, context.stage1, context.stage2);
      const isRam = physical >= RAM && physical < RAM + RAM_SIZE;
      if (fault === FaultKind.None && isRam) text += `${write ? 'w' : 'r'} ${physical.toString(16)} `;
    }
    return text;
  }

  check(): void {
    expect(this.rig.warnings).toEqual([]);
    const has = new Map<number, string>();
    for (const [iova, { size, ramOffset, rights }] of this.device.host.mapped) {
      for (let at = 0; at < size; at += 4096) {
        const physical = (RAM + ramOffset + at).toString(16);
        const read = rights & DmaRight.Read ? `r ${physical} ` : '';
        has.set(iova + at, read + (rights & DmaRight.Write ? `w ${physical} ` : ''));
      }
    }
    const places = SLOTS.filter((slot) => slot < 16).flatMap((slot) =>
      [...SLOTS, 3, 100].map((page) => slot * 2 ** 21 + page * 4096),
    );
    for (const iova of new Set([...places, ...has.keys()])) {
      expect(`${iova.toString(16)} ${has.get(iova) ?? ''}`).toBe(`${iova.toString(16)} ${this.page(iova)}`);
      expect(iova).toBeLessThan(REGION);
    }
  }

  run({ do: what, page, slot, seed }: { do: string; page: number; slot: number; seed: number }): boolean {
    const { rig } = this;
    if (what === 'first' || what === 'second') {
      const pool = what === 'first' ? FIRST : SECOND;
      if (what === 'second' && page === 0) return false;
      rig.double(pool + page * 4096 + 8 * slot, descriptor(seed, pool, what === 'second'));
      return false;
    }
    if (what === 'barrier') rig.barrier();
    else if (what === 'register') rig.bank(1, 'TLBSTATUS');
    else rig.shadow.synchronizeAll();
    return true;
  }
}

test('what the host maps is what both stages let through, whichever’s tables change', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 40 }), (steps) => {
      const nested = new Nested();
      nested.check();
      expect(nested.device.host.mapped.size).toBe(1);
      for (const each of steps) if (nested.run(each)) nested.check();
      nested.rig.shadow.synchronizeAll();
      nested.check();
    }),
    { numRuns: 25 },
  );
});
