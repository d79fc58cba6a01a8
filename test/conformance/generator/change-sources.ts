import { L1_A, L1_B, L2_MMU_DATA } from '../arena.ts';
import { CODE, CPSR, DATA_PA, DATA_VA, MMU_CODE_VA, MMU_DATA_VA, Mode, SCTLR, TABLES, W } from '../layout.ts';
import type { Random } from '../random.ts';
import { Draft } from './draft.ts';
import type { Source } from './generate.ts';

const PRIVILEGED = [Mode.svc, Mode.sys, Mode.fiq, Mode.irq, Mode.abt, Mode.und] as const;
const ISB = 0xf57ff06f;
const DSB = 0xf57ff04f;
const TLBIALL = 0xee085f17;

/** MCR p15 with R5, then a load and what comes after: what a register changes is there at once. */
const REGISTER_WRITES: readonly (readonly [mcr: number, value: (random: Random) => number])[] = [
  [0xee035f10, (random) => 0x40000000 | random.pick([0, 1, 3])], // DACR
  [0xee025f10, (random) => random.pick([L1_A, L1_B])], // TTBR0
  [0xee0d5f30, (random) => random.word()], // CONTEXTIDR
  [0xee085f17, () => 0], // TLBIALL
  [0xee085f37, () => DATA_VA | 0x1000], // TLBIMVA
  [0xee015f10, (random) => sctlrValue(random)], // SCTLR
];

function sctlrValue(random: Random): number {
  let value = SCTLR.base | SCTLR.M | SCTLR.C | SCTLR.I;
  if (random.chance(40)) value |= SCTLR.A;
  if (random.chance(40)) value |= SCTLR.AFE;
  if (random.chance(40)) value |= SCTLR.TRE;
  return value >>> 0;
}

const REGISTER_SOURCE: Source = {
  name: 'MMU registers written',
  machine: 'plain',
  draw: (seed, index) => {
    const draft = new Draft(seed, 'MMU registers written', index, () => false);
    const { random } = draft;
    draft.setMode(random.pick(PRIVILEGED));
    draft.set(W.SCTLR, draft.get(W.SCTLR) & ~(SCTLR.EE | SCTLR.TE | SCTLR.V));
    const [mcr, value] = random.pick(REGISTER_WRITES);
    draft.set(W.R5, value(random));
    draft.set(W.R0, DATA_VA + 0x1000 + random.below(0x2000));
    const before = random.chance(50) ? [0xe5902000] : []; // LDR R2, [R0]
    const after = random.pick([0xe5901000, 0xe5801000, 0xe1d010b0]); // LDR, STR, LDRH
    // TLBIALL and ISB stand between: without them nothing is promised (B3.10.1, B3.15.5).
    return draft.finish([...before, mcr, TLBIALL, ISB, after]);
  },
};

/** Section descriptor: Normal memory, domain 0, readable and writable by all (AP and access flag all ones). */
function section(pa: number): number {
  return (pa | 0x0c0e) >>> 0;
}

function smallPage(pa: number): number {
  return (pa | 0x3e) >>> 0;
}

/** TLB maintenance operations with R4 = MVA and ASID: TLBIALL, TLBIMVA, TLBIMVAA, and the Inner Shareable ones. */
const INVALIDATIONS = [0xee084f17, 0xee084f37, 0xee084f77, 0xee084f13, 0xee084f33, 0xee084f73] as const;
const MCR_CONTEXTIDR_R4 = 0xee0d4f30;
const LDR_R1_R0 = 0xe5901000;
const STR_R3_R2 = 0xe5823000;
const LDR_R5_R0 = 0xe5905000;
const STR_R1_R0_4 = 0xe5801004;

/** A translation is used, its descriptor is changed by a store, the TLB invalidated, and it is used again. */
const TABLE_SOURCE: Source = {
  name: 'MMU tables changed',
  machine: 'plain',
  draw: (seed, index) => {
    const draft = new Draft(seed, 'MMU tables changed', index, () => false);
    const { random } = draft;
    draft.setMode(random.pick(PRIVILEGED));
    draft.set(W.CPSR, draft.get(W.CPSR) & ~CPSR.E);
    draft.set(W.SCTLR, draft.get(W.SCTLR) & ~(SCTLR.EE | SCTLR.TE | SCTLR.V));
    const address = MMU_DATA_VA + 0x1000 * random.below(3) + 4 * random.below(0x3ff);
    const page = (address >>> 12) & 3;
    const entry = L1_A + (MMU_DATA_VA >>> 20) * 4;
    const asid = draft.get(W.CONTEXTIDR) & 0xff;
    // Identity, for the store to reach the tables.
    draft.pokes.push({ address: L1_A + (TABLES >>> 20) * 4, value: section(TABLES) });
    const notGlobal = random.chance(50);
    const other = smallPage(DATA_PA + 0x1000 * random.below(4)) | (random.chance(20) ? 0x200 : 0);
    if (random.chance(50)) {
      draft.pokes.push({ address: entry, value: section(DATA_PA) | (notGlobal ? 1 << 17 : 0) });
      draft.pokes.push({ address: L2_MMU_DATA + page * 4, value: other });
      draft.set(W.R2, entry);
      draft.set(W.R3, random.chance(25) ? 0 : L2_MMU_DATA | 1);
    } else {
      draft.pokes.push({ address: entry, value: L2_MMU_DATA | 1 });
      const first = smallPage(DATA_PA + 0x1000 * random.below(4)) | (notGlobal ? 0x800 : 0);
      draft.pokes.push({ address: L2_MMU_DATA + page * 4, value: first });
      draft.set(W.R2, L2_MMU_DATA + page * 4);
      draft.set(W.R3, random.chance(25) ? 0 : other);
    }
    draft.set(W.R0, address);
    draft.set(W.R4, ((address & ~0xfff) | asid) >>> 0);
    // A new ASID does as well where the translation was not global.
    const switchesAsid = notGlobal && random.chance(40);
    if (switchesAsid) draft.set(W.R4, asid ^ (1 + random.below(255)));
    const change = switchesAsid ? MCR_CONTEXTIDR_R4 : random.pick(INVALIDATIONS);
    return draft.finish([LDR_R1_R0, STR_R3_R2, DSB, change, DSB, ISB, LDR_R5_R0, STR_R1_R0_4]);
  },
};

/** What the code is changed into; all of it leaves a trace in R6, flags or memory. */
const REPLACEMENTS = [
  0xe2866001, 0xe3a06055, 0xe1b06006, 0xe5806000, 0xe7f000f0, 0xef000001, 0xe5906000,
] as const;
const ICIMVAU = 0xee074f35;
const ICIALLU = 0xee074f15;
const NOP = 0xe320f000;

/** Code stores over an instruction further on, by another mapping of the page, and runs into it. */
const CODE_SOURCE: Source = {
  name: 'self-modifying code',
  machine: 'plain',
  draw: (seed, index) => {
    const draft = new Draft(seed, 'self-modifying code', index, () => false);
    const { random } = draft;
    draft.setMode(random.pick(PRIVILEGED));
    draft.set(W.CPSR, draft.get(W.CPSR) & ~CPSR.E);
    draft.set(W.SCTLR, draft.get(W.SCTLR) & ~(SCTLR.EE | SCTLR.TE | SCTLR.V));
    const alias = L1_A + (MMU_CODE_VA >>> 20) * 4;
    draft.pokes.push({ address: alias, value: section(CODE) });
    const gap = random.below(3);
    const sequence = [STR_R3_R2, DSB, random.pick([ICIMVAU, ICIALLU]), DSB, ISB];
    const target = draft.get(W.PC) + 4 * (sequence.length + gap);
    draft.set(W.R0, DATA_VA + 0x1000 + 4 * random.below(0x400));
    draft.set(W.R2, target - CODE + MMU_CODE_VA);
    draft.set(W.R3, random.pick(REPLACEMENTS));
    draft.set(W.R4, target);
    return draft.finish([...sequence, ...Array.from({ length: gap }, () => NOP), 0xe2466001]);
  },
};

/** What changes while a vector runs: system registers, tables, code. */
export const CHANGE_SOURCES: readonly Source[] = [REGISTER_SOURCE, TABLE_SOURCE, CODE_SOURCE];
