import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GR0, GR1 } from '../../../src/iommu/smmu-v2/registers.ts';
import type { BarMemory } from '../../../src/ports/host-mappings.ts';
import { listMappings, type PlainBar, type PlainContext } from './plain-tables.ts';
import { mappingText, RAM, RAM_SIZE, RW, ShadowRig, STREAM } from './rig.ts';

type Format = PlainContext['format'];

/** Eight pages hold all tables; a short first table is four of them. */
const POOL = RAM + 0x10_0000;
const POOL_PAGES = 8;
const OUTSIDE = [
  ...[0x0800_0000, RAM - 0x20_0000, RAM + RAM_SIZE - 0x1000, 0xfff0_0000],
  ...[0x1000_0000, 0x1000_1000, 0x1000_2000, 0x1000_3000, 0x1020_0000, 0x1030_0000, 0x1040_0000],
];

/** Two BARs of real devices: one with a page that nobody reaches, and one of 2 MiB; where they can be, or nowhere. */
const BARS = [
  { name: 'BAR a', size: 0x4000, hole: 0x2000, places: [undefined, 0x1000_0000, 0x1000_1000, 0x1000_4000] },
  {
    name: 'BAR b',
    size: 0x20_0000,
    hole: undefined,
    places: [undefined, 0x1020_0000, 0x1040_0000, 0x1010_0000],
  },
] as const;

const MEMORIES: Readonly<Record<string, BarMemory>> = Object.fromEntries(
  BARS.map(({ name }) => [name, { name }]),
);

/** Whole pages of a BAR that is somewhere, as the manuals of its device and of PCI have them. */
function pagesOf(bar: (typeof BARS)[number], place: number): PlainBar[] {
  const physical = bar.places[place];
  if (physical === undefined) return [];
  const { name, size, hole } = bar;
  const part = (offset: number, end: number): PlainBar => ({
    physical: physical + offset,
    size: end - offset,
    name,
    offset,
  });
  return hole === undefined ? [part(0, size)] : [part(0, hole), part(hole + 0x1000, size)];
}

/** A step of the guest, of a device, or of the SMMU's other side. */
type Step =
  | { readonly do: 'store'; readonly page: number; readonly slot: number; readonly descriptor: number }
  | { readonly do: 'device store'; readonly page: number; readonly slot: number; readonly descriptor: number }
  | {
      readonly do: 'half' | 'barrier' | 'register' | 'device access' | 'slice end';
      readonly page: number;
      readonly slot: number;
    }
  | { readonly do: 'table'; readonly page: number }
  | { readonly do: 'bar'; readonly bar: number; readonly place: number }
  | { readonly do: 'control'; readonly value: number }
  | { readonly do: 'stream'; readonly value: number }
  | { readonly do: 'sizes'; readonly value: number }
  | { readonly do: 'other stream'; readonly value: number };

const page = fc.nat(POOL_PAGES - 1);
const slot = fc.constantFrom(0, 1, 2, 3, 7, 16, 255, 511);
const descriptor = fc.nat();

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant('store' as const), page, slot, descriptor }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('device store' as const), page, slot, descriptor }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'half' as const,
        'barrier' as const,
        'register' as const,
        'device access' as const,
        'slice end' as const,
      ),
      page,
      slot,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('table' as const), page }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('bar' as const), bar: fc.nat(1), place: fc.nat(3) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('control' as const), value: fc.nat(7) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('stream' as const), value: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('sizes' as const), value: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('other stream' as const), value: fc.nat(2) }) },
);

/** A descriptor of a kind and to a place that `seed` chooses: invalid, a table, a page or block, now and then nonsense. */
function longDescriptor(seed: number): bigint {
  const kind = seed % 8;
  const rest = Math.floor(seed / 8);
  const inPool = BigInt(POOL + (rest % POOL_PAGES) * 4096);
  const inRam = BigInt(RAM + (rest % (RAM_SIZE / 4096)) * 4096);
  const rights = BigInt([0x440, 0x4c0, 0x400, 0x040, 0x4c0, 0x440][Math.floor(rest / 1024) % 6]);
  if (kind < 2) return 0n;
  if (kind < 5) return inPool | 3n | (BigInt(Math.floor(rest / 8) % 8 === 0 ? 0x6000_0000 : 0) << 32n);
  if (kind === 5) return BigInt(OUTSIDE[rest % OUTSIDE.length]) | rights | BigInt(rest % 3 === 0 ? 1 : 3);
  if (kind === 6) return inRam | rights | BigInt(rest % 2 === 0 ? 1 : 3);
  return inRam | rights | 3n | (rest % 16 === 0 ? 1n << 41n : 0n);
}

function shortDescriptor(seed: number): number {
  const kind = seed % 8;
  const rest = Math.floor(seed / 8);
  // AP[1:0] at bits 11:10 of a section, 5:4 of a page; both have them here, and AP[2] at 15 and 9.
  const rights = [0xc30, 0x8e30, 0x410, 0x820, 0xc30, 0xc30][Math.floor(rest / 1024) % 6];
  if (kind < 2) return 0;
  if (kind < 4) return (POOL + (rest % (POOL_PAGES * 4)) * 1024) | 1;
  const inRam = RAM + (rest % (RAM_SIZE / 4096)) * 4096;
  if (kind === 4) return OUTSIDE[rest % OUTSIDE.length] | rights | 2;
  if (kind === 5) return inRam | rights | (rest % 2 === 0 ? 0x4_0002 : 1);
  return inRam | rights | 2;
}

/** A guest that does the steps, and what the manuals say of it. */
class Model {
  readonly rig = new ShadowRig();
  readonly device = this.rig.device();
  readonly other = this.rig.device(undefined, 0x10);
  private readonly format: Format;
  private ttbr0 = POOL;
  private tcr: number;
  private control = 0;
  private stream = 5;
  private otherStream = 0;
  private readonly places = [0, 0];

  constructor(format: Format) {
    this.format = format;
    this.tcr = this.tcrOf(0);
    const { rig } = this;
    this.storeLeavesAtBars();
    rig.setBank(0, 'TTBR1', POOL + 0x4000);
    // Addresses of 40 bits go out, and 48 and a sign come in.
    rig.setBank(0, 'TCR2', (7 << 15) | 2);
    rig.set(0x1000 + GR1.CBA2R, format === 'aarch64' ? 1 : 0);
    rig.setBank(0, 'TCR', this.tcr);
    rig.setBank(0, 'TTBR0', POOL);
    rig.setBank(0, 'SCTLR', 0x1067);
    rig.route(0, STREAM, 0);
    rig.route(1, 0x10, 0, 1);
    rig.set(GR0.sCR0, 0x1c36);
  }

  /** Pages where BAR a can be, and more than a page where BAR b can: few random tables would have them. */
  private storeLeavesAtBars(): void {
    const { rig, format } = this;
    const pages = [0, 1, 2, 3, 7].map((slot) => [slot, 0x1000_0000 + 0x1000 * (slot % 7)]);
    if (format === 'short') {
      rig.word(POOL, (POOL + 0x4000) | 1);
      for (const slot of [1, 2]) rig.word(POOL + 4 * slot, (0x1010_0000 + slot * 0x10_0000) | 0xc02);
      for (const [slot, physical] of pages) rig.word(POOL + 0x4000 + 4 * slot, physical | 0x32);
      return;
    }
    rig.double(POOL, BigInt(POOL + 0x1000) | 3n);
    rig.double(POOL + 0x1000, BigInt(POOL + 0x2000) | 3n);
    rig.double(POOL + 0x1008, 0x1020_0441n);
    for (const [slot, physical] of pages) rig.double(POOL + 0x2000 + 8 * slot, BigInt(physical) | 0x443n);
  }

  private tcrOf(value: number): number {
    if (this.format === 'short') return [0, 1, 0x12, 0x22, 7, 0][value];
    if (this.format === 'long')
      return (0x8000_0000 | [0, 1, 2, 0x0001_0001, 0x0007_0000, 0x0087_0003][value]) >>> 0;
    return (0x0080_0000 | (16 << 16) | [25, 32, 33, 39, 34, 25][value]) >>> 0;
  }

  private get bars(): PlainBar[] {
    return BARS.flatMap((bar, i) => pagesOf(bar, this.places[i]));
  }

  /** What the host must have for the first device. */
  expected(): string[] {
    const identity = [mappingText(RAM, RAM_SIZE, RAM, RW)];
    // sCR0.CLIENTPD; S2CR.TYPE; SCTLR.M.
    if (this.control === 1 || this.stream === 1) return identity;
    if (this.stream === 2) return [];
    if (this.control === 2) return identity;
    const privileged = this.stream === 3;
    const { format, ttbr0, tcr, bars } = this;
    const read = (address: number): number => this.rig.words[(address - RAM) >>> 2] >>> 0;
    return listMappings({ format, ttbr0, ttbr1: POOL + 0x4000, tcr, privileged, bars }, read);
  }

  expectedOfOther(): string[] {
    const identity = [mappingText(RAM, RAM_SIZE, RAM, RW)];
    if (this.control === 1 || this.otherStream === 0) return identity;
    if (this.otherStream === 1) return [];
    // The same bank, not privileged.
    if (this.control === 2) return identity;
    const { format, ttbr0, tcr, bars } = this;
    const read = (address: number): number => this.rig.words[(address - RAM) >>> 2] >>> 0;
    return listMappings({ format, ttbr0, ttbr1: POOL + 0x4000, tcr, privileged: false, bars }, read);
  }

  check(): void {
    expect(this.rig.warnings).toEqual([]);
    expect(this.device.host.list).toEqual(this.expected());
    expect(this.other.host.list).toEqual(this.expectedOfOther());
  }

  /** @returns whether everything must be as the tables say now */
  run(step: Step): boolean {
    const { rig } = this;
    switch (step.do) {
      case 'store':
        this.store(step.page, step.slot, step.descriptor, false);
        return false;
      case 'device store':
        // Only where the device can.
        if (!this.reaches(POOL + step.page * 4096)) return false;
        this.store(step.page, step.slot, step.descriptor, true);
        return false;
      case 'half': {
        // Half of a 64-bit descriptor: by the next barrier the other half is there, as it was.
        const at = POOL + step.page * 4096 + 8 * step.slot + 4;
        const before = rig.words[(at - RAM) >>> 2];
        const had = this.device.host.list;
        rig.word(at, 0xff);
        expect(this.device.host.list).toEqual(had);
        rig.word(at, before);
        return false;
      }
      case 'barrier':
        rig.barrier();
        // What a device wrote may have to wait for the next of the others.
        return !this.silent;
      case 'register':
        rig.bank(0, 'TLBSTATUS');
        break;
      case 'device access':
      case 'slice end':
        rig.shadow.synchronizeAll();
        break;
      case 'table':
        this.ttbr0 = POOL + step.page * 4096;
        rig.setBank(0, 'TTBR0', this.ttbr0);
        break;
      case 'bar':
        this.places[step.bar] = step.place;
        rig.place(...this.bars.map(({ name, ...pages }) => ({ ...pages, memory: MEMORIES[name] })));
        return !this.silent;
      case 'control':
        this.control = step.value;
        rig.setBank(0, 'SCTLR', step.value === 2 ? 0x1066 : 0x1067);
        rig.set(GR0.sCR0, step.value === 1 ? 0x1c37 : 0x1c36);
        break;
      case 'stream':
        this.stream = step.value;
        rig.set(GR0.S2CR, [0, 0x1_0000, 0x2_0000, 0x300_0000, 0x200_0000, 0][step.value]);
        break;
      case 'sizes':
        this.tcr = this.tcrOf(step.value);
        rig.setBank(0, 'TCR', this.tcr);
        break;
      case 'other stream':
        this.otherStream = step.value;
        rig.set(GR0.S2CR + 4, [0x1_0000, 0x2_0000, 0][step.value]);
        break;
    }
    this.silent = false;
    return true;
  }

  private silent = false;

  /** Whether a device may write a page by what the host has. */
  private reaches(physical: number): boolean {
    return [this.device, this.other].some(({ host }) =>
      [...host.mapped.values()].some(
        ({ size, ramOffset, rights }) =>
          (rights & 2) !== 0 && physical - RAM >= ramOffset && physical - RAM < ramOffset + size,
      ),
    );
  }

  private store(page: number, slot: number, seed: number, silently: boolean): void {
    const { rig } = this;
    const put = (address: number, value: number): void => {
      if (silently) rig.silently(address, value);
      else rig.word(address, value);
    };
    if (silently) this.silent = true;
    const at = POOL + page * 4096;
    if (this.format === 'short') {
      put(at + 4 * slot, shortDescriptor(seed));
      return;
    }
    const value = longDescriptor(seed);
    put(at + 8 * slot + 4, Number(BigInt.asIntN(32, value >> 32n)));
    put(at + 8 * slot, Number(BigInt.asIntN(32, value)));
  }
}

describe('what the host maps is what the guest’s tables say, at each point at which a device could know', () => {
  test.each(['short', 'long', 'aarch64'] as const)('%s descriptors', (format) => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 50 }), (steps) => {
        const model = new Model(format);
        model.check();
        for (const each of steps) if (model.run(each)) model.check();
        model.rig.shadow.synchronizeAll();
        model.check();
      }),
      { numRuns: 30 },
    );
  });
});
