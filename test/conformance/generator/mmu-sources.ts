import { L1_A, L1_B } from '../arena.ts';
import { DATA_ALIAS_VA, DATA_VA, MMU_CODE_VA, MMU_DATA_VA, SCTLR, W } from '../layout.ts';
import type { Random } from '../random.ts';
import { LEAVES, type Leaf, randomDacr, randomMapping, randomRemap } from './descriptors.ts';
import { Draft } from './draft.ts';
import type { Source } from './generate.ts';

/** An instruction that touches memory at R0: code units, whether T32, and the alignment that it cannot do without. */
interface Access {
  readonly code: readonly number[];
  readonly thumb: boolean;
  readonly bytes: number;
}

const arm = (word: number, bytes: number): Access => ({ code: [word], thumb: false, bytes });
const thumb = (bytes: number, ...code: number[]): Access => ({ code, thumb: true, bytes });

const READS: readonly Access[] = [
  arm(0xe5901000, 4), // LDR R1, [R0]
  arm(0xe5d01000, 1), // LDRB R1, [R0]
  arm(0xe1d010b0, 2), // LDRH R1, [R0]
  arm(0xe4b01000, 4), // LDRT R1, [R0], #0
  arm(0xe4f01000, 1), // LDRBT R1, [R0], #0
  arm(0xe1c020d0, 8), // LDRD R2, R3, [R0]
  arm(0xe1901f9f, 4), // LDREX R1, [R0]
  thumb(4, 0x6801), // LDR R1, [R0]
  thumb(1, 0x7801), // LDRB R1, [R0]
  thumb(4, 0xf850, 0x1e00), // LDRT R1, [R0]
];

const WRITES: readonly Access[] = [
  arm(0xe5801000, 4), // STR R1, [R0]
  arm(0xe5c01000, 1), // STRB R1, [R0]
  arm(0xe1c010b0, 2), // STRH R1, [R0]
  arm(0xe4a01000, 4), // STRT R1, [R0], #0
  arm(0xe4e01000, 1), // STRBT R1, [R0], #0
  arm(0xe1c020f0, 8), // STRD R2, R3, [R0]
  arm(0xe8a0001e, 4), // STMIA R0!, {R1-R4}
  arm(0xe920001e, 4), // STMDB R0!, {R1-R4}
  thumb(4, 0x6001), // STR R1, [R0]
  thumb(2, 0x8001), // STRH R1, [R0]
  thumb(4, 0xf840, 0x1e00), // STRT R1, [R0]
];

const JUMPS: readonly Access[] = [arm(0xe12fff10, 4), thumb(2, 0x4700)]; // BX R0

/** Instructions that translate R0, by what they want of the memory there. */
export const ACCESSES = { read: READS, write: WRITES, execute: JUMPS } as const;
export type Kind = keyof typeof ACCESSES;

/** Registers of the MMU other than the table bases: AFE, TRE and EE more often than elsewhere. */
function randomRegime(draft: Draft): void {
  const { random } = draft;
  let sctlr = draft.get(W.SCTLR) & ~(SCTLR.AFE | SCTLR.TRE | SCTLR.A);
  if (random.chance(40)) sctlr |= SCTLR.AFE;
  if (random.chance(40)) sctlr |= SCTLR.TRE;
  if (random.chance(5)) sctlr |= SCTLR.A;
  draft.set(W.SCTLR, sctlr);
  draft.set(W.DACR, randomDacr(random));
  const { prrr, nmrr } = randomRemap(random);
  draft.set(W.PRRR, prrr);
  draft.set(W.NMRR, nmrr);
}

function leafSource(leaf: Leaf, kind: Kind): Source {
  const name = `MMU ${leaf}, ${kind}`;
  return {
    name,
    machine: 'plain',
    draw: (seed, index) => {
      let access = ACCESSES[kind][0]!;
      const draft = new Draft(seed, name, index, (random) => {
        access = random.pick(ACCESSES[kind]);
        return access.thumb;
      });
      const { random } = draft;
      randomRegime(draft);
      const sctlr = draft.get(W.SCTLR);
      const area = kind === 'execute' ? 'code' : 'data';
      const { pokes, normal } = randomMapping(random, {
        leaf,
        area,
        accessFlag: (sctlr & SCTLR.AFE) !== 0,
        remap: (sctlr & SCTLR.TRE) !== 0,
        bigEndian: (sctlr & SCTLR.EE) !== 0,
        dacr: draft.get(W.DACR),
      });
      draft.pokes.push(...pokes);
      draft.set(W.R0, kind === 'execute' ? executeTarget(random) : dataTarget(random, access.bytes, normal));
      return draft.finish(access.code);
    },
  };
}

function executeTarget(random: Random): number {
  const at = MMU_CODE_VA + 0x40 + 4 * random.below(0xfd0);
  return random.chance(50) ? at | 1 : at;
}

/** An address in the area; unaligned, across a page's end too, only where that is no fault of its own. */
function dataTarget(random: Random, bytes: number, normal: boolean): number {
  const page = MMU_DATA_VA + 0x1000 * (1 + random.below(2));
  if (random.chance(40)) return page + 0x1000 - (normal ? random.below(12) : bytes * (1 + random.below(3)));
  const offset = random.below(0x1000);
  return page + (normal && random.chance(40) ? offset : offset & -bytes);
}

/** TTBCR.N and another table in TTBR1. PD0 and PD1 come with the Security Extensions, which the recorder has not. */
const TTBCR_SOURCE: Source = {
  name: 'MMU TTBCR',
  machine: 'plain',
  draw: (seed, index) => {
    let access = READS[0]!;
    const draft = new Draft(seed, 'MMU TTBCR', index, (random) => {
      access = random.pick([...READS, ...WRITES]);
      return access.thumb;
    });
    const { random } = draft;
    draft.set(W.TTBCR, random.below(8));
    draft.set(W.TTBR0, (random.chance(50) ? L1_A : L1_B) | (random.word() & 0x1b));
    draft.set(W.TTBR1, random.chance(50) ? L1_A : L1_B);
    const area = random.pick([DATA_VA, DATA_ALIAS_VA]);
    draft.set(W.R0, area + 0x1000 + (random.below(0x2000) & -access.bytes));
    return draft.finish(access.code);
  },
};

/** With the MMU off everything is Strongly-ordered at its physical address. */
const OFF_SOURCE: Source = {
  name: 'MMU off',
  machine: 'plain',
  draw: (seed, index) => {
    let access = READS[0]!;
    const draft = new Draft(seed, 'MMU off', index, (random) => {
      access = random.pick([...READS, ...WRITES]);
      return access.thumb;
    });
    draft.set(W.SCTLR, draft.get(W.SCTLR) & ~(SCTLR.M | SCTLR.V));
    draft.set(W.R0, 0x40300000 + 0x1000 + (draft.random.below(0x2000) & -access.bytes));
    return draft.finish(access.code);
  },
};

/** Translation of data and code by random tables. */
export const MMU_SOURCES: readonly Source[] = [
  ...LEAVES.flatMap((leaf) => [
    leafSource(leaf, 'read'),
    leafSource(leaf, 'write'),
    leafSource(leaf, 'execute'),
  ]),
  TTBCR_SOURCE,
  OFF_SOURCE,
];
