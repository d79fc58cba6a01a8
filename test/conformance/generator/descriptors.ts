import { BIG_ENDIAN_TABLES, L1_A, L2_MMU_CODE, L2_MMU_DATA, type Poke, swapWord } from '../arena.ts';
import { CODE, DATA_PA, MMU_CODE_VA, MMU_DATA_VA } from '../layout.ts';
import type { Random } from '../random.ts';

export const LEAVES = ['section', 'supersection', 'small page', 'large page'] as const;
export type Leaf = (typeof LEAVES)[number];

/** What a random mapping depends on. */
export interface MappingOptions {
  readonly leaf: Leaf;
  readonly area: 'data' | 'code';
  readonly accessFlag: boolean;
  readonly remap: boolean;
  readonly bigEndian: boolean;
  readonly dacr: number;
}

/** A mapping as memory changes, and whether it can only be Normal memory (where unaligned accesses are allowed). */
export interface Mapping {
  readonly pokes: readonly Poke[];
  readonly normal: boolean;
}

/** TEX, C, B as one number, without the reserved and IMPLEMENTATION DEFINED ones (ARM DDI 0406C Table B3-10). */
const PLAIN_TYPES = [
  0b00000, 0b00001, 0b00010, 0b00011, 0b00100, 0b00111, 0b01000, 0b10101, 0b11010, 0b11111,
] as const;

function memoryType(random: Random, remap: boolean): number {
  if (!remap) return random.pick(PLAIN_TYPES);
  // B3.8.3: TEX[0], C, B choose the field of PRRR; number 6 is IMPLEMENTATION DEFINED.
  const type = random.below(32);
  return (type & 7) === 6 ? type ^ 1 : type;
}

/**
 * AP[2:0]; `flagged` sets the access flag. An access flag of 0 faults before the domain and XN are looked at, and in a
 * manager's domain too (ARM DDI 0406C B3.13.3); QEMU has another order: it is left out together with those. (For the
 * same reason invalid page descriptors are only in clients' domains below.)
 */
function accessPermissions(random: Random, accessFlag: boolean, flagged: boolean): number {
  const ap = random.chance(40) ? 0b011 : random.below(8);
  if (accessFlag && flagged) return ap | 1;
  // Table B3-8: AP = 0b100 is reserved.
  return ap === 0b100 && !accessFlag ? 0b101 : ap;
}

/** Writes the descriptors that map the area of MMU vectors, with random attributes; sometimes none. */
export function randomMapping(random: Random, options: MappingOptions): Mapping {
  const { leaf, area, accessFlag, remap } = options;
  const va = area === 'data' ? MMU_DATA_VA : MMU_CODE_VA;
  const pa = area === 'data' ? DATA_PA : CODE;
  const domain = random.below(15);
  const type = memoryType(random, remap);
  const isClient = leaf === 'supersection' || ((options.dacr >>> (2 * domain)) & 3) === 1;
  const neverExecutes = random.chance(30);
  const flagged = !isClient || (area === 'code' && neverExecutes);
  const ap = accessPermissions(random, accessFlag, flagged);
  const [tex, cb] = [type >> 2, type & 3];
  const bit = (percent: number, place: number): number => (random.chance(percent) ? 1 << place : 0);
  const writes: Poke[] = [];
  const entry = L1_A + (va >>> 20) * 4;
  if (random.chance(3)) {
    writes.push({ address: entry, value: random.word() & ~3 });
  } else if (leaf === 'section' || leaf === 'supersection') {
    const base = leaf === 'section' ? pa | (domain << 5) : (pa & 0xff000000) | (1 << 18);
    const attributes =
      bit(30, 17) | bit(30, 16) | ((ap & 4) << 13) | (tex << 12) | ((ap & 3) << 10) | (cb << 2);
    writes.push({
      address: entry,
      value: base | attributes | (neverExecutes ? bit(60, 4) | bit(50, 0) : 0) | 2,
    });
  } else {
    const table = area === 'data' ? L2_MMU_DATA : L2_MMU_CODE;
    const place = options.bigEndian ? BIG_ENDIAN_TABLES : 0;
    writes.push({
      address: entry,
      value: (table + place) | (domain << 5) | (neverExecutes ? bit(50, 2) : 0) | 1,
    });
    for (let page = 0; page < 4; page++) {
      const own = random.chance(60) ? ap : accessPermissions(random, accessFlag, flagged);
      const common = bit(30, 11) | bit(30, 10) | ((own & 4) << 7) | ((own & 3) << 4) | (cb << 2);
      const small = (pa + page * 0x1000) | (tex << 6) | 2 | (neverExecutes ? bit(60, 0) : 0);
      // The 16 entries of a large page are the same (B3.5.1); only its own are read.
      const large = pa | (tex << 12) | 1 | (neverExecutes ? bit(60, 15) : 0);
      const value = common | (leaf === 'small page' ? small : large);
      writes.push({ address: table + page * 4, value: isClient && random.chance(6) ? value & ~3 : value });
    }
  }
  const normal = !remap && !([0b00000, 0b00001, 0b01000] as number[]).includes(type);
  return { pokes: writes.map((poke) => placed(poke, options.bigEndian)), normal };
}

function placed({ address, value }: Poke, bigEndian: boolean): Poke {
  if (!bigEndian) return { address, value: value >>> 0 };
  return { address: address + BIG_ENDIAN_TABLES, value: swapWord(value) };
}

/** DACR with every domain a client, a manager or closed; 0 and 15 (the recorder's) stay clients. */
export function randomDacr(random: Random): number {
  let dacr = 0x40000001;
  for (let domain = 1; domain < 15; domain++) dacr |= random.pick([1, 1, 1, 1, 3, 3, 0]) << (2 * domain);
  return dacr >>> 0;
}

/** PRRR whose memory types are all defined ones, and any NMRR. */
export function randomRemap(random: Random): { readonly prrr: number; readonly nmrr: number } {
  let prrr = random.word() & 0xff0f0000;
  for (let n = 0; n < 8; n++) prrr |= random.below(3) << (2 * n);
  return { prrr: prrr >>> 0, nmrr: random.word() };
}
