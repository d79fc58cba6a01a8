import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { DmaRight, type HostMappings } from '../../../src/ports/host-mappings.ts';
import { type BadGuest, IOVA, L2, PAGE_RO, PAGE_RW, SMMU_NAMES, SMMUS, TABLE } from './bad-guest.ts';
import { RAM } from './rig.ts';

const PAGE = 4096;
const BLOCK = 2 ** 21;
/** Tables of the third level, which decide the first so many blocks. */
const TABLES = 4;
const THIRD = L2 + 0x2000;
const ENTRIES = 512;
/** Pages that the guest gives, from the start of RAM: there are no tables in them. */
const GIVEN = 256;
const RW = DmaRight.Read | DmaRight.Write;

/** Seconds of the test of `npm run test:all`; absent: as many edits as take a second. */
const seconds = Number(process.env.ARMEMU_STORM_SECONDS ?? 0);
const EDITS = 10_000;

/** Numbers below 2^31 that are the same in each run (ANSI C's generator, whose low bits are poor). */
function randomNumbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % limit;
  };
}

/** A host that keeps nothing but what is mapped, and asks at each mapping whether the guest has allowed it. */
class AskingHost implements HostMappings {
  readonly limit = 65535;
  readonly mapped = new Map<number, { size: number; ramOffset: number; rights: number }>();
  most = 0;
  allows: (iova: number, size: number, ramOffset: number, rights: number) => boolean = () => true;

  map(iova: number, size: number, ramOffset: number, rights: number): undefined {
    if (!this.allows(iova, size, ramOffset, rights))
      throw new Error(`${iova.toString(16)} is not the guest’s`);
    if (this.mapped.has(iova)) throw new Error('EEXIST');
    this.mapped.set(iova, { size, ramOffset, rights });
    this.most = Math.max(this.most, this.mapped.size);
  }

  unmap(iova: number, size: number): undefined {
    if (this.mapped.get(iova)?.size !== size) throw new Error(`unmap of ${iova.toString(16)}: EINVAL`);
    this.mapped.delete(iova);
  }

  unmapAll(): undefined {
    this.mapped.clear();
  }
}

/** What a descriptor gives: page of RAM and rights. */
interface Given {
  readonly page: number;
  readonly rights: number;
}

/** A guest that edits its tables at random, and remembers what they say in its own words. */
class Storm {
  readonly host = new AskingHost();
  readonly guest: BadGuest<AskingHost>;
  edits = 0;
  private readonly random: (limit: number) => number;
  /** By table and entry, and by block; a block that is one has no table. */
  private readonly pages: (Given | undefined)[][];
  private readonly blocks: (Given | undefined)[] = new Array<Given | undefined>(TABLES).fill(undefined);

  constructor(make: (host: AskingHost) => BadGuest<AskingHost>, seed: number) {
    this.random = randomNumbers(seed);
    this.pages = Array.from({ length: TABLES }, () => new Array<Given | undefined>(ENTRIES).fill(undefined));
    this.guest = make(this.host);
    for (let table = 0; table < TABLES; table++) this.setTable(table);
    this.guest.barrier();
    this.host.allows = (iova, size, ramOffset, rights) => {
      const given = this.givenAt(iova);
      return (
        given !== undefined &&
        size === given.size &&
        ramOffset === given.page * PAGE &&
        rights === given.rights
      );
    };
  }

  /** Some edits, and a point at which they count. */
  step(): void {
    const { guest, random } = this;
    for (let count = random(16); count >= 0; count--) this.edit();
    switch (random(4)) {
      case 0:
        guest.invalidate();
        break;
      case 1:
        guest.lookAgain();
        break;
      default:
        guest.barrier();
    }
    // The host has no more than the guest allowed; `check` sees that it has no less.
    expect(this.host.mapped.size).toBeLessThanOrEqual(TABLES * ENTRIES);
  }

  /** What the host has is what the tables say. */
  check(): void {
    let count = 0;
    for (let table = 0; table < TABLES; table++) {
      const block = this.blocks[table];
      const entries = block === undefined ? this.pages[table] : [block];
      for (const [i, given] of entries.entries()) {
        if (given === undefined) continue;
        count++;
        const iova = IOVA + table * BLOCK + i * PAGE;
        const has = this.host.mapped.get(iova);
        const isSame =
          has?.size === (block === undefined ? PAGE : BLOCK) &&
          has.ramOffset === given.page * PAGE &&
          has.rights === given.rights;
        if (!isSame)
          throw new Error(`${iova.toString(16)} is not what the tables say: ${JSON.stringify(has)}`);
      }
    }
    expect(this.host.mapped.size).toBe(count);
  }

  private givenAt(iova: number): (Given & { size: number }) | undefined {
    const table = Math.floor((iova - IOVA) / BLOCK);
    const block = this.blocks[table];
    if (block !== undefined) return (iova - IOVA) % BLOCK === 0 ? { ...block, size: BLOCK } : undefined;
    const given = this.pages[table]?.[Math.floor(((iova - IOVA) % BLOCK) / PAGE)];
    return given && { ...given, size: PAGE };
  }

  private edit(): void {
    const { random } = this;
    this.edits++;
    const table = random(TABLES);
    const given = random(3) === 0 ? undefined : { page: random(GIVEN), rights: random(4) === 0 ? 1 : RW };
    if (random(100) > 0) {
      const entry = random(8) === 0 ? random(ENTRIES) : random(16);
      this.pages[table][entry] = given;
      const leaf = given?.rights === RW ? PAGE_RW : PAGE_RO;
      this.guest.double(
        THIRD + table * PAGE + 8 * entry,
        given === undefined ? 0n : BigInt(RAM + given.page * PAGE) | leaf,
      );
    } else if (given === undefined) {
      this.setTable(table);
    } else {
      // A block of all its 2 MiB, in place of the pages.
      const leaf = given.rights === RW ? PAGE_RW : PAGE_RO;
      this.blocks[table] = { page: 0, rights: given.rights };
      this.guest.double(L2 + 8 * table, BigInt(RAM) | (leaf ^ 2n));
    }
  }

  private setTable(table: number): void {
    this.blocks[table] = undefined;
    this.guest.double(L2 + 8 * table, BigInt(THIRD + table * PAGE) | TABLE);
  }
}

/** Bytes of the heap that are in use, after all garbage is gone. */
function heapInUse(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

describe.each(SMMU_NAMES)('a guest that maps and unmaps at full speed, behind the %s', (smmu) => {
  test(
    'never gives a device more than its tables say, nor less at a barrier, and takes no memory for it',
    () => {
      const storm = new Storm((host) => SMMUS[smmu](host), 2026);
      const end = performance.now() + seconds * 1000;
      const isOver = () => (seconds > 0 ? performance.now() > end : storm.edits > EDITS);
      let heap: number | undefined;
      for (let steps = 1; !isOver(); steps++) {
        storm.step();
        if (steps % 64 === 0) storm.check();
        // All pages have been there by then.
        if (heap === undefined && storm.edits > EDITS / 3) heap = heapInUse();
      }
      storm.check();
      const { statistics, warnings, stops } = storm.guest;
      expect(statistics.maps - statistics.unmaps).toBe(storm.host.mapped.size);
      expect(statistics.maps).toBeGreaterThan(EDITS / 4);
      expect([warnings, stops]).toEqual([[], 0]);
      expect(heapInUse() - (heap ?? 0)).toBeLessThan(2 ** 20);
      if (seconds > 0)
        console.log(`${smmu}: ${storm.edits} edits in ${seconds} s, ${statistics.maps} mappings`);
    },
    (seconds + 60) * 1000,
  );
});
