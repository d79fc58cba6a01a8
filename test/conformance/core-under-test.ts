import { cortexA15 } from '../../src/arm/cortex-a15.ts';
import type { ArmCpu } from '../../src/arm/cpu.ts';
import { isWide } from '../../src/arm/decode/tables.ts';
import { ArmEngine, type EngineHooks } from '../../src/arm/engine.ts';
import { StateSlot } from '../../src/arm/state.ts';
import { translateBlock } from '../../src/arm/translate-block.ts';
import { MachineMemory, MemoryLayout } from '../../src/memory/machine-memory.ts';
import { PageWatches, type WatchKind } from '../../src/memory/page-watches.ts';
import { PhysicalMemory } from '../../src/memory/physical-memory.ts';
import type { Requester } from '../../src/ports/mmio.ts';
import type { IrValue } from '../../src/translator/ir/value.ts';
import { PROMOTION, type Promotion } from '../../src/translator/wasm/region-store.ts';
import { buildArena, dataPattern, type Poke } from './arena.ts';
import type { CpuUnderTest } from './cpu-under-test.ts';
import {
  CPSR,
  DATA_BYTES,
  DATA_PA,
  HARNESS_BASE,
  HARNESS_ENTRY,
  HIGH_VECTORS,
  RAM_BASE,
  REPLAY_BYTES,
  RESULTS_BASE,
  SCTLR,
  STATE_WORDS,
  VECTOR_WORDS,
  VECTORS_ARM,
  VECTORS_THUMB,
  W,
} from './layout.ts';
import type { Outcome, Vector } from './vector.ts';

const ARM_YIELD = 0xe320f001;
const THUMB_YIELD_TWICE = 0xbf10bf10;
/** Supervisor calls that stop the CPU at a vector, too, and have no byte in common with the hints. */
const ARM_CALL = 0xef5a5a5a;
const THUMB_CALL_TWICE = 0xdf5adf5a;
const CALL_COMMENTS: readonly number[] = [ARM_CALL & 0xffffff, THUMB_CALL_TWICE & 0xff];
/** TSTEQ, or LSLS twice. */
const CONDITIONAL_EVERYWHERE = 0x01010101;
/** UDF in A32, whatever the flags are (A8.8.247); in T16 a UDF, and before it a branch to the next one. No byte as in the other. */
const UNDEFINED_EVERYWHERE = 0xe7ffdef0;
const EXCEPTION_VECTORS = 8;
const PAGE_BYTES = 4096;
/** A reason of our own to watch pages. */
const STRAY = 2 as WatchKind;

const LOADER: Requester = { kind: 'cpu', cpu: 0, streamId: 0, secure: false, privileged: true };

/** Words of the state record that are system registers of the same name. */
const SYSTEM_WORDS = [
  ...(['SCTLR', 'TTBR0', 'TTBR1', 'TTBCR', 'DACR', 'PRRR', 'NMRR', 'VBAR', 'CONTEXTIDR'] as const),
  ...(['TPIDRURW', 'TPIDRURO', 'TPIDRPRW', 'DFSR', 'DFAR', 'IFSR', 'IFAR', 'PAR', 'CPACR'] as const),
] as const;

/** High halves of 64-bit registers. */
const HIGH_WORDS = [
  [W.TTBR0_high, 'TTBR0High'],
  [W.TTBR1_high, 'TTBR1High'],
  [W.PAR_high, 'PARHigh'],
] as const;

/** SP, LR and SPSR words by bank as src/arm/modes.ts numbers them; User has no SPSR. */
const BANK_WORDS: readonly (readonly [sp: number, lr: number, spsr: number])[] = [
  [W.SP_usr, W.LR_usr, -1],
  [W.SP_fiq, W.LR_fiq, W.SPSR_fiq],
  [W.SP_irq, W.LR_irq, W.SPSR_irq],
  [W.SP_svc, W.LR_svc, W.SPSR_svc],
  [W.SP_abt, W.LR_abt, W.SPSR_abt],
  [W.SP_und, W.LR_und, W.SPSR_und],
];

/** The data pages are compared in pieces of this many words. */
const CHUNK_WORDS = 256;

interface Chunk {
  readonly now: Buffer;
  readonly pristine: Buffer;
}

function bytesOf(words: Int32Array, chunk: number): Buffer {
  return Buffer.from(words.buffer, words.byteOffset + 4 * CHUNK_WORDS * chunk, 4 * CHUNK_WORDS);
}

function isUnchanged({ now, pristine }: Chunk): boolean {
  return now.equals(pristine);
}

/** The project's CPU, in the memory that the vectors were recorded in, with a YIELD at every exception vector, which stops it. */
export class CoreUnderTest implements CpuUnderTest {
  /** Something but the data pages was written, or the recorder's own memory behind the arena was reached. */
  strayed = false;
  private readonly memory = new MachineMemory(REPLAY_BYTES);
  private readonly watches = new PageWatches(REPLAY_BYTES);
  private readonly physical = new PhysicalMemory(this.memory, RAM_BASE, this.watches);
  private readonly engine: ArmEngine;
  private readonly cpu: ArmCpu;
  private readonly data: Int32Array;
  private readonly pristineData = new Int32Array(dataPattern());
  private readonly chunks: readonly Chunk[];
  private undo: Poke[] = [];
  private interrupt = 0;
  private callsAtVectors = false;

  /** @param promotion where given, code is compiled, when it says so; otherwise the interpreter runs it */
  constructor(promotion?: Promotion) {
    this.watchForStrays();
    const hooks: EngineHooks = {
      // The recorder's board has PSCI by HVC, which answers NOT_SUPPORTED to what it does not know (ARM DEN 0022 5.2.2).
      hypervisorCall: (cpu, conduit) => {
        if (conduit === 'hvc') cpu.state.slots[StateSlot.R0] = -1;
        return conduit === 'hvc';
      },
      semihostingCall: (_cpu, _thumb, instruction, comment) =>
        this.callsAtVectors && instruction === 'svc' && CALL_COMMENTS.includes(comment) ? 'wait' : 'guest',
      attention: () => {},
    };
    const kind = promotion === undefined ? 'interpreter' : 'wasm';
    this.engine = new ArmEngine(
      this.memory,
      this.physical,
      cortexA15,
      [undefined],
      0,
      hooks,
      kind,
      promotion ?? PROMOTION,
    );
    this.cpu = this.engine.cpus[0]!;
    this.engine.cache.verify = true;
    for (const { address, words } of buildArena())
      for (let i = 0; i < words.length; i++) this.poke(address + 4 * i, words[i]!);
    this.fillRecorder(0);
    const start = (MemoryLayout.ram + DATA_PA - RAM_BASE) >>> 2;
    this.data = this.memory.words.subarray(start, start + DATA_BYTES / 4);
    this.chunks = Array.from({ length: this.data.length / CHUNK_WORDS }, (_, i) => ({
      now: bytesOf(this.data, i),
      pristine: bytesOf(this.pristineData, i),
    }));
  }

  private watchForStrays(): void {
    this.watches.setWatcher(STRAY, () => {
      this.strayed = true;
    });
    const firstOfData = (DATA_PA - RAM_BASE) / PAGE_BYTES;
    const pagesOfData = DATA_BYTES / PAGE_BYTES;
    for (let page = 0; page < REPLAY_BYTES / PAGE_BYTES; page++) {
      if (page < firstOfData || page >= firstOfData + pagesOfData) this.watches.arm(STRAY, page);
    }
    const behind = {
      read: () => {
        this.strayed = true;
        return 0;
      },
      write: () => {
        this.strayed = true;
      },
    };
    this.physical.map(RAM_BASE + REPLAY_BYTES, RESULTS_BASE - RAM_BASE, behind, "the recorder's own memory");
  }

  /** Throws all translations away. */
  forgetCode(): void {
    this.engine.cache.flush();
  }

  private poke(address: number, value: number): void {
    this.physical.write(address, 4, value, LOADER);
  }

  /** What is in the recorder's pages besides the vectors, where the recorder has its own code and data. */
  private fillRecorder(word: number, callsAtVectors = false): void {
    this.callsAtVectors = callsAtVectors;
    for (let address = HARNESS_BASE; address < HARNESS_ENTRY; address += 4) this.poke(address, word);
    for (let n = 0; n < EXCEPTION_VECTORS; n++) {
      this.poke(VECTORS_ARM + 4 * n, callsAtVectors ? ARM_CALL : ARM_YIELD);
      this.poke(VECTORS_THUMB + 4 * n, callsAtVectors ? THUMB_CALL_TWICE : THUMB_YIELD_TWICE);
    }
  }

  /**
   * Whether a vector touches the recorder's pages, which are mapped for privileged modes: then its outcome depends on
   * what is there, or it has changed.
   */
  touchesRecorder(vector: Vector, limit: number): boolean {
    const pages = (HARNESS_ENTRY - HARNESS_BASE) / 4;
    const first = (MemoryLayout.ram + HARNESS_BASE - RAM_BASE) >>> 2;
    const outcomes = [CONDITIONAL_EVERYWHERE, UNDEFINED_EVERYWHERE].map((word, i) => {
      this.fillRecorder(word, i === 1);
      const before = this.memory.words.slice(first, first + pages);
      this.start(vector);
      this.run(limit);
      const changed = before.some((value, i) => value !== this.memory.words[first + i]);
      return changed ? word : JSON.stringify(this.outcome());
    });
    this.fillRecorder(0);
    return outcomes[0] !== outcomes[1];
  }

  /**
   * Whether a vector jumps to the second half of one of its instructions: what that is as an instruction nobody has drawn,
   * so its should-be bits may be anything.
   */
  runsSecondHalf(vector: Vector, limit: number): boolean {
    const { code, thumb } = vector.recipe;
    if (!thumb) return false;
    const first = vector.state[W.PC]!;
    const halves = new Set<number>();
    for (let i = 0; i < code.length; i++) if (isWide(code[i]!)) halves.add(first + 2 * ++i);
    this.start(vector);
    const { slots } = this.cpu.state;
    for (let n = 0; n < limit; n++) {
      if (slots[StateSlot.T] === 1 && halves.has(slots[StateSlot.PC]! >>> 0)) return true;
      if (this.run(1)) return false;
    }
    return false;
  }

  start(vector: Vector): void {
    for (const { address, value } of this.undo) this.poke(address, value);
    this.data.set(this.pristineData);
    this.undo = vector.pokes
      .map(({ address }) => ({ address, value: this.physical.read(address, 4, LOADER) }))
      .reverse();
    for (const { address, value } of vector.pokes) this.poke(address, value);
    const { state, regs } = this.cpu;
    this.cpu.waiting = false;
    this.cpu.setIrq(vector.state[W.INTERRUPT] !== 0);
    state.cpsr = vector.state[W.CPSR]! | 0;
    for (let n = 0; n < 8; n++) state.slots[n] = vector.state[n]!;
    for (let n = 8; n < 13; n++) {
      state.writeBanked(0, n, vector.state[n]!);
      state.writeBanked(1, n, vector.state[W.R8_fiq + n - 8]!);
    }
    BANK_WORDS.forEach(([sp, lr, spsr], bank) => {
      state.writeBanked(bank, 13, vector.state[sp]!);
      state.writeBanked(bank, 14, vector.state[lr]!);
      if (spsr >= 0) state.banked.spsr[bank] = vector.state[spsr]!;
    });
    state.slots[StateSlot.PC] = vector.state[W.PC]!;
    state.slots[StateSlot.ExclusiveArmed] = 0;
    for (const name of SYSTEM_WORDS) regs[name] = vector.state[W[name]]! | 0;
    for (let i = 0; i < VECTOR_WORDS; i++) state.slots[StateSlot.V0 + i] = vector.state[W.D0 + i]!;
    state.slots[StateSlot.Fpexc] = vector.state[W.FPEXC]!;
    state.slots[StateSlot.Fpscr] = vector.state[W.FPSCR]!;
    for (const [word, name] of HIGH_WORDS) regs[name] = vector.state[word]! | 0;
    this.interrupt = vector.state[W.INTERRUPT]!;
    this.cpu.resetTlb();
    this.strayed = false;
  }

  run(limit: number): boolean {
    for (let left = limit; left > 0; ) {
      const before = this.engine.instructions;
      const stop = this.engine.run(this.cpu, left);
      left -= Math.max(this.engine.instructions - before, 1);
      if (stop === (this.callsAtVectors ? 'wfe' : 'yield') && this.vectorReached() !== undefined) return true;
      this.cpu.waiting = false;
      if (stop === 'event') this.memory.words[MemoryLayout.eventWord >>> 2] = 0;
    }
    return false;
  }

  /** Address of the exception vector whose YIELD has just run. */
  private vectorReached(): number | undefined {
    const { slots } = this.cpu.state;
    // A hint is behind the CPU when it stops, a call that waits is not.
    const length = this.callsAtVectors ? 0 : slots[StateSlot.T] === 1 ? 2 : 4;
    const pc = (slots[StateSlot.PC]! - length) >>> 0;
    const base = (this.cpu.regs.SCTLR & SCTLR.V) !== 0 ? HIGH_VECTORS : this.cpu.regs.VBAR >>> 0;
    return pc >= base && pc < base + 4 * EXCEPTION_VECTORS ? pc : undefined;
  }

  outcome(): Outcome {
    const { state, regs } = this.cpu;
    const out = new Uint32Array(STATE_WORDS);
    for (let n = 0; n < 8; n++) out[n] = state.slots[n]!;
    for (let n = 8; n < 13; n++) {
      out[n] = state.readBanked(0, n);
      out[W.R8_fiq + n - 8] = state.readBanked(1, n);
    }
    BANK_WORDS.forEach(([sp, lr, spsr], bank) => {
      out[sp] = state.readBanked(bank, 13);
      out[lr] = state.readBanked(bank, 14);
      if (spsr >= 0) out[spsr] = state.banked.spsr[bank]!;
    });
    out[W.CPSR] = state.cpsr;
    out[W.PC] = this.vectorReached() ?? state.slots[StateSlot.PC]!;
    for (const name of SYSTEM_WORDS) out[W[name]] = regs[name];
    for (let i = 0; i < VECTOR_WORDS; i++) out[W.D0 + i] = state.slots[StateSlot.V0 + i]!;
    out[W.FPEXC] = state.slots[StateSlot.Fpexc]!;
    out[W.FPSCR] = state.slots[StateSlot.Fpscr]!;
    for (const [word, name] of HIGH_WORDS) out[word] = regs[name];
    out[W.INTERRUPT] = this.interrupt;
    const memory: Poke[] = [];
    const { data, pristineData } = this;
    for (let chunk = 0; chunk < data.length; chunk += CHUNK_WORDS) {
      if (isUnchanged(this.chunks[chunk / CHUNK_WORDS]!)) continue;
      for (let i = chunk; i < chunk + CHUNK_WORDS; i++) {
        if (data[i] !== pristineData[i]) memory.push({ address: i, value: data[i]! >>> 0 });
      }
    }
    return { state: out, memory };
  }

  describe({ state, recipe }: Vector): string {
    const units = recipe.thumb ? recipe.code : recipe.code.flatMap((word) => [word & 0xffff, word >>> 16]);
    const pc = state[W.PC]!;
    const cpsr = state[W.CPSR]!;
    const result = translateBlock({
      pc,
      thumb: recipe.thumb,
      bigEndian: (cpsr & CPSR.E) !== 0,
      it: ((cpsr >>> 8) & 0xfc) | ((cpsr >>> 25) & 3),
      features: cortexA15.features,
      maxInstructions: recipe.thumb ? recipe.code.length : units.length / 2,
      fetch16: (va) => units[((va - pc) | 0) >> 1] ?? -1,
    });
    return result === undefined
      ? '  (no block)'
      : result.block.ops.map((op) => `    ${formatOp(op)}`).join('\n');
  }
}

function formatOp({ id, op, args, imm, imm2, helper }: IrValue): string {
  const operands = args.map((arg) =>
    arg.op === 'const' ? `#0x${(arg.imm >>> 0).toString(16)}` : `v${arg.id}`,
  );
  const name = helper === undefined ? op : `${op} ${helper.name}`;
  const immediates = imm !== 0 || imm2 !== 0 ? ` [${imm}, ${imm2}]` : '';
  return `v${id} = ${name} ${operands.join(', ')}${immediates}`;
}
