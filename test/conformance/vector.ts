import { BIG_ENDIAN_TABLES, codeAddress, L1_A, L2_HIGH, type Poke, plausiblePsr, swapWord } from './arena.ts';
import { seedExtensions } from './extension-state.ts';
import {
  CODE,
  CPSR,
  DATA_VA,
  MODES,
  Mode,
  SCTLR,
  STATE_WORDS,
  STOP_HALFWORD,
  STOP_WORD,
  VECTORS_ARM,
  VECTORS_THUMB,
  W,
} from './layout.ts';
import { Random } from './random.ts';

/** A change to the state that a seed gives: word of the state record, value. */
export interface Override {
  readonly word: number;
  readonly value: number;
}

/** What is stored of a vector besides its seed and its outcome. */
export interface Recipe {
  /** The instructions, as they lie in memory; those of T32 in halfwords, first halfword first. */
  readonly code: readonly number[];
  readonly thumb: boolean;
  readonly overrides: readonly Override[];
  readonly pokes: readonly Poke[];
  /** The seed also gives D0 to D31, FPSCR, FPEXC and CPACR; otherwise they are 0, and the extensions are off. */
  readonly extensions: boolean;
}

/** A vector ready to run: full state, and the memory changes that put the code (and what EE and TE need) in place. */
export interface Vector {
  /** Number within its row, part of its seed. */
  readonly index: number;
  readonly recipe: Recipe;
  readonly state: Uint32Array;
  readonly pokes: readonly Poke[];
  /** Address after the vector's code: where it stops if nothing else happens. */
  readonly end: number;
}

/** What a vector left behind: the state with the PC at an exception vector, and the data words that changed. */
export interface Outcome {
  readonly state: Uint32Array;
  /** Index in the data pages (physical order) and new value, ascending. */
  readonly memory: readonly Poke[];
}

const EDGES = [
  0, 1, 2, 4, 0xffffffff, 0xfffffffe, 0x80000000, 0x7fffffff, 0x80000001, 0x8000, 0x7fff, 0xffff, 0xffff8000,
  0x80, 0x7f, 0xff, 0x55555555, 0xaaaaaaaa, 0x80008000, 0x7fff7fff, 0x7f80807f, 0x00ff00ff, 31, 32, 33, 64,
  255, 256,
] as const;

/** A register value: mostly random, often an edge, a small number, an address among the data or code pages. */
function registerValue(random: Random): number {
  const kind = random.below(100);
  if (kind < 45) return random.word();
  if (kind < 65) return random.pick(EDGES);
  if (kind < 77) return random.below(random.chance(70) ? 40 : 256);
  if (kind < 90) return dataAddress(random);
  return codeAddress(random);
}

/** An address in the middle of the data pages: mostly aligned, often close to a page's end. */
export function dataAddress(random: Random): number {
  const page = DATA_VA + 0x1000 * (1 + random.below(2));
  const near = random.chance(25) ? 0x1000 - 4 * random.below(6) : 4 * random.below(0x400);
  const offset = random.chance(30) ? random.below(4) : 0;
  return (page + near + offset) >>> 0;
}

function startingMode(random: Random): number {
  const kind = random.below(100);
  if (kind < 40) return Mode.usr;
  if (kind < 60) return Mode.svc;
  return random.pick(MODES);
}

/**
 * The state that a seed stands for. A change here makes the committed vectors worthless: record them again.
 */
export function seededState(random: Random, thumb: boolean): Uint32Array {
  const s = new Uint32Array(STATE_WORDS);
  for (let w = W.R0; w <= W.SPSR_und; w++) s[w] = registerValue(random);
  for (const w of [W.SPSR_fiq, W.SPSR_irq, W.SPSR_svc, W.SPSR_abt, W.SPSR_und]) s[w] = plausiblePsr(random);
  for (const w of [W.SP_usr, W.SP_fiq, W.SP_irq, W.SP_svc, W.SP_abt, W.SP_und]) {
    if (random.chance(60)) s[w] = dataAddress(random) & ~3;
  }
  for (const w of [W.LR_usr, W.LR_fiq, W.LR_irq, W.LR_svc, W.LR_abt, W.LR_und]) {
    if (random.chance(50)) s[w] = codeAddress(random);
  }
  const flags = random.word() & 0xf80f01c0;
  const bigEndian = random.chance(12) ? CPSR.E : 0;
  s[W.CPSR] = flags | bigEndian | (thumb ? CPSR.T : 0) | startingMode(random);
  const place = 0x1000 + 4 * random.below(0x7f0);
  s[W.PC] = CODE + (thumb && random.chance(50) ? place + 2 : place);
  if (thumb && random.chance(6)) s[W.PC] = CODE + 0x1ffe;
  let sctlr = SCTLR.base | SCTLR.M | SCTLR.C | SCTLR.I | SCTLR.Z;
  if (random.chance(12)) sctlr |= SCTLR.A;
  if (random.chance(5)) sctlr |= SCTLR.V;
  if (random.chance(8)) sctlr |= SCTLR.EE;
  if (random.chance(8)) sctlr |= SCTLR.TE;
  if (random.chance(8)) sctlr |= SCTLR.AFE;
  if (random.chance(8)) sctlr |= SCTLR.TRE;
  s[W.SCTLR] = sctlr;
  s[W.TTBR0] = L1_A;
  s[W.TTBR1] = L1_A;
  s[W.DACR] = 0x40000001;
  s[W.PRRR] = 0x00098aa4;
  s[W.NMRR] = 0x44e048e0;
  s[W.CONTEXTIDR] = random.word();
  for (const w of [W.TPIDRURW, W.TPIDRURO, W.TPIDRPRW, W.DFAR, W.IFAR]) s[w] = random.word();
  return s;
}

/** Sets what follows from the rest: tables and vectors for EE and TE, the bank that the recorder leaves from. */
function settle(s: Uint32Array): Poke[] {
  const pokes: Poke[] = [];
  const sctlr = s[W.SCTLR]!;
  if ((sctlr & SCTLR.EE) !== 0) {
    s[W.TTBR0]! += BIG_ENDIAN_TABLES;
    s[W.TTBR1]! += BIG_ENDIAN_TABLES;
  }
  const thumbExceptions = (sctlr & SCTLR.TE) !== 0;
  s[W.VBAR] = thumbExceptions ? VECTORS_THUMB : VECTORS_ARM;
  if (thumbExceptions && (sctlr & SCTLR.V) !== 0) {
    const descriptor = (VECTORS_THUMB | 0b0000_0001_1110) >>> 0;
    pokes.push({ address: L2_HIGH + 0xf0 * 4, value: descriptor });
    pokes.push({ address: L2_HIGH + BIG_ENDIAN_TABLES + 0xf0 * 4, value: swapWord(descriptor) });
  }
  const [lr, spsr] =
    (s[W.CPSR]! & 0x1f) === Mode.abt ? ([W.LR_und, W.SPSR_und] as const) : ([W.LR_abt, W.SPSR_abt] as const);
  s[lr] = s[W.PC]!;
  s[spsr] = s[W.CPSR]!;
  return pokes;
}

/** Physical address of the vector's code: its low 16 bits, in the code pages. */
function physicalCode(pc: number): number {
  return CODE + (pc & 0xffff);
}

function codePokes(recipe: Recipe, pc: number): Poke[] {
  const halfwords = recipe.thumb
    ? [...recipe.code, STOP_HALFWORD, STOP_HALFWORD, STOP_HALFWORD, STOP_HALFWORD]
    : recipe.code.flatMap((word) => [word & 0xffff, word >>> 16]);
  const words = new Map<number, number>();
  let address = physicalCode(pc);
  for (const halfword of halfwords) {
    const at = address & ~3;
    const old = words.get(at) ?? STOP_WORD;
    const high = (address & 2) !== 0;
    words.set(at, (high ? (old & 0xffff) | (halfword << 16) : (old & ~0xffff) | halfword) >>> 0);
    address += 2;
  }
  return [...words].map(([at, value]) => ({ address: at, value }));
}

/** Puts a vector together from its seed (file seed, row, number in the row) and its recipe. */
export function expandVector(seed: number, stream: number, index: number, recipe: Recipe): Vector {
  const state = seededState(new Random(seed, stream, index), recipe.thumb);
  if (recipe.extensions) seedExtensions(state, seed, stream, index);
  for (const { word, value } of recipe.overrides) state[word] = value;
  if (isWfi(recipe)) {
    // It comes back by an interrupt, masked.
    state[W.CPSR]! |= CPSR.I;
    state[W.INTERRUPT] = 1;
  }
  const pokes = settle(state);
  const pc = state[W.PC]!;
  const bytes = recipe.code.length * (recipe.thumb ? 2 : 4);
  return {
    index,
    recipe,
    state,
    pokes: [...pokes, ...codePokes(recipe, pc), ...recipe.pokes],
    end: (pc + bytes) >>> 0,
  };
}

function isWfi({ code, thumb }: Recipe): boolean {
  const [first = 0, second] = code;
  if (thumb) return first === 0xbf30 || (first === 0xf3af && second === 0x8003);
  return first >>> 28 !== 15 && (first & 0x0fffffff) === 0x0320f003;
}

/** What an UNDEFINED instruction at `at` gives when nothing else changed: most outcomes differ little from it. */
export function undefinedAt(vector: Vector): Uint32Array {
  const s = Uint32Array.from(vector.state);
  const cpsr = vector.state[W.CPSR]!;
  const sctlr = vector.state[W.SCTLR]!;
  const thumb = (cpsr & CPSR.T) !== 0;
  const base = (sctlr & SCTLR.V) !== 0 ? 0xffff0000 : vector.state[W.VBAR]!;
  const IT = 0x0600fc00;
  s[W.LR_und] = vector.end + (thumb ? 2 : 4);
  s[W.SPSR_und] = cpsr & ~IT;
  s[W.CPSR] =
    (cpsr & ~(IT | CPSR.E | CPSR.T | 0x1f)) |
    CPSR.I |
    Mode.und |
    ((sctlr & SCTLR.TE) !== 0 ? CPSR.T : 0) |
    ((sctlr & SCTLR.EE) !== 0 ? CPSR.E : 0);
  s[W.PC] = base + 4;
  return s;
}
