import type { Clock, ClockTimer } from '../../ports/clock.ts';
import type { DmaPort } from '../../ports/dma.ts';
import type { InterruptLine } from '../../ports/interrupt-line.ts';
import type { DeviceLog } from '../../ports/mmio.ts';
import { assignPlain } from '../../ports/plain-state.ts';
import type { Saveable } from '../../ports/saveable.ts';
import { CircularQueue } from './circular-queue.ts';
import { COMMAND_WORDS, effectOfCommand } from './commands.ts';
import { RECORD_WORDS } from './event-record.ts';
import {
  AIDR_VALUE,
  BASE_HIGH,
  CERROR,
  CR0,
  CR1,
  CR2,
  GBPA,
  GERROR,
  IDR0_VALUE,
  IDR1_VALUE,
  IDR5_VALUE,
  INDEX_MASK,
  IRQ_CTRL,
  OVERFLOW,
  PAGE_1,
  SMMU,
  STRTAB_BASE_CFG,
} from './registers.ts';
import { readWords, type StreamTableRegisters } from './stream-table.ts';

/** All registers of page 0 by their offsets, in words, and when the next commands are due (Infinity: none wait). */
export type ProgrammingInterfaceState = { registers: Uint32Array; commandsDueNs: number };

/** What the registers are connected to. */
export interface ProgrammingInterfaceConfig {
  readonly clock: Clock;
  /** RAM: what queues can be in. */
  readonly memory: DmaPort;
  /** Edge-triggered wires (IHI 0070 3.18). */
  readonly interrupts: SmmuV3Interrupts;
}

/** The wires of an SMMUv3; there is no PRI queue that could have one. */
export interface SmmuV3Interrupts {
  readonly eventQueue: InterruptLine;
  readonly commandSync: InterruptLine;
  readonly globalError: InterruptLine;
}

/** Commands that are consumed at once. What is left waits for virtual time, so that no register access takes long. */
const COMMANDS_AT_ONCE = 1024;
const PAUSE_NS = 10_000;

const IDENTIFICATION: ReadonlyMap<number, number> = new Map([
  [SMMU.IDR0, IDR0_VALUE],
  [SMMU.IDR1, IDR1_VALUE],
  [SMMU.IDR2, 0],
  [SMMU.IDR3, 0],
  [SMMU.IDR4, 0],
  [SMMU.IDR5, IDR5_VALUE],
  [SMMU.IIDR, 0],
  [SMMU.AIDR, AIDR_VALUE],
]);

/** Registers that keep what is written: the bits that do, and the bit of SMMU_CR0 that must be 0 for it. */
const STORED: ReadonlyMap<number, { readonly bits: number; readonly guard: number }> = new Map([
  [SMMU.CR0, { bits: CR0.WRITABLE, guard: 0 }],
  [SMMU.CR1, { bits: CR1.WRITABLE, guard: 0 }],
  [SMMU.CR2, { bits: CR2.WRITABLE, guard: CR0.SMMUEN }],
  [SMMU.IRQ_CTRL, { bits: IRQ_CTRL.WRITABLE, guard: 0 }],
  [SMMU.GERRORN, { bits: GERROR.WRITABLE, guard: 0 }],
  [SMMU.STRTAB_BASE, { bits: 0xffff_ffc0, guard: CR0.SMMUEN }],
  [SMMU.STRTAB_BASE_HIGH, { bits: BASE_HIGH.WRITABLE, guard: CR0.SMMUEN }],
  [SMMU.STRTAB_BASE_CFG, { bits: STRTAB_BASE_CFG.WRITABLE, guard: CR0.SMMUEN }],
  [SMMU.CMDQ_BASE, { bits: 0xffff_ffff, guard: CR0.CMDQEN }],
  [SMMU.CMDQ_BASE_HIGH, { bits: BASE_HIGH.WRITABLE, guard: CR0.CMDQEN }],
  [SMMU.CMDQ_PROD, { bits: INDEX_MASK, guard: 0 }],
  [SMMU.CMDQ_CONS, { bits: INDEX_MASK, guard: CR0.CMDQEN }],
  [SMMU.EVENTQ_BASE, { bits: 0xffff_ffff, guard: CR0.EVENTQEN }],
  [SMMU.EVENTQ_BASE_HIGH, { bits: BASE_HIGH.WRITABLE, guard: CR0.EVENTQEN }],
  [SMMU.EVENTQ_PROD, { bits: INDEX_MASK | OVERFLOW, guard: CR0.EVENTQEN }],
  [SMMU.EVENTQ_CONS, { bits: INDEX_MASK | OVERFLOW, guard: 0 }],
]);

/** The Non-secure programming interface of an SMMUv3 (IHI 0070 chapter 6): its registers, command queue, event queue and errors. */
export class ProgrammingInterface implements Saveable<ProgrammingInterfaceState> {
  private readonly registers = new Uint32Array(SMMU.END / 4);
  private readonly config: ProgrammingInterfaceConfig;
  private readonly log: DeviceLog;
  private readonly moreCommands: ClockTimer;

  /** @param onCommands commands were consumed that no access to a register has */
  constructor(config: ProgrammingInterfaceConfig, onCommands: () => void, log: DeviceLog) {
    this.config = config;
    this.log = log;
    this.moreCommands = config.clock.createTimer(() => {
      this.consumeCommands();
      onCommands();
    });
    this.registers[SMMU.GBPA >> 2] = GBPA.RESET;
  }

  /** SMMU_CR0.SMMUEN. */
  get isEnabled(): boolean {
    return (this.get(SMMU.CR0) & CR0.SMMUEN) !== 0;
  }

  /** SMMU_GBPA.ABORT. */
  get abortsWhenDisabled(): boolean {
    return (this.get(SMMU.GBPA) & GBPA.ABORT) !== 0;
  }

  /** SMMU_CR2.RECINVSID. */
  get recordsInvalidStreams(): boolean {
    return (this.get(SMMU.CR2) & CR2.RECINVSID) !== 0;
  }

  get streamTable(): StreamTableRegisters {
    const high = this.get(SMMU.STRTAB_BASE_HIGH) & BASE_HIGH.ADDRESS_MASK;
    return {
      base: high * 2 ** 32 + this.get(SMMU.STRTAB_BASE),
      config: this.get(SMMU.STRTAB_BASE_CFG),
    };
  }

  read(offset: number): number {
    const place = placeOf(offset);
    if (place === undefined) {
      this.unknown('read from', offset);
      return 0;
    }
    const identification = IDENTIFICATION.get(place);
    if (identification !== undefined) return identification;
    if (place === SMMU.CR0ACK) return this.get(SMMU.CR0);
    if (place === SMMU.IRQ_CTRLACK) return this.get(SMMU.IRQ_CTRL);
    return place < SMMU.END ? this.get(place) : 0;
  }

  write(offset: number, value: number): void {
    const place = placeOf(offset);
    const stored = place === undefined ? undefined : STORED.get(place);
    if (place === undefined) {
      this.unknown('write to', offset);
    } else if (stored !== undefined) {
      if ((this.get(SMMU.CR0) & stored.guard) !== 0) {
        this.log.guestError(`SMMUv3: a write to 0x${offset.toString(16)} while it is in use is ignored`);
        return;
      }
      this.set(place, value & stored.bits);
    } else if (place === SMMU.GBPA && (value & GBPA.UPDATE) !== 0) {
      this.set(place, value & GBPA.WRITABLE);
    }
    if (place === SMMU.CR0 || place === SMMU.CMDQ_PROD || place === SMMU.GERRORN) this.consumeCommands();
  }

  /** Puts a record into the event queue, where it is writable (7.2.1); or else the queue has overflowed (7.4), or the record is lost. */
  record(record: Uint32Array): void {
    if ((this.get(SMMU.CR0) & CR0.EVENTQEN) === 0 || this.isActive(GERROR.EVENTQ_ABT_ERR)) return;
    const producer = this.get(SMMU.EVENTQ_PROD);
    const consumer = this.get(SMMU.EVENTQ_CONS);
    const queue = this.queue(SMMU.EVENTQ_BASE, RECORD_WORDS * 4);
    const fill = queue.fill(producer, consumer);
    if (fill === 'full' || fill === 'inconsistent') {
      // The flag tells once, until software has made its own the same.
      if (((producer ^ consumer) & OVERFLOW) === 0) this.set(SMMU.EVENTQ_PROD, producer ^ OVERFLOW);
      return;
    }
    const bytes = new Uint8Array(RECORD_WORDS * 4);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < RECORD_WORDS; i++) view.setUint32(i * 4, record[i], true);
    if (!this.config.memory.write(queue.addressOf(producer & INDEX_MASK), bytes)) {
      this.raise(GERROR.EVENTQ_ABT_ERR);
      return;
    }
    this.set(SMMU.EVENTQ_PROD, (producer & OVERFLOW) | queue.next(producer));
    // 3.18: the interrupt tells that the queue is not empty any more.
    const enabled = (this.get(SMMU.IRQ_CTRL) & IRQ_CTRL.EVENTQ_IRQEN) !== 0;
    if (fill === 'empty' && enabled) pulse(this.config.interrupts.eventQueue);
  }

  reset(): void {
    this.registers.fill(0);
    this.set(SMMU.GBPA, GBPA.RESET);
    this.moreCommands.cancel();
  }

  saveState(): ProgrammingInterfaceState {
    return { registers: this.registers.slice(), commandsDueNs: this.moreCommands.deadlineNs };
  }

  restoreState(state: ProgrammingInterfaceState): void {
    const restored: ProgrammingInterfaceState = { registers: this.registers, commandsDueNs: 0 };
    assignPlain(restored, state, 'the SMMU');
    if (restored.commandsDueNs === Number.POSITIVE_INFINITY) this.moreCommands.cancel();
    else this.moreCommands.arm(restored.commandsDueNs);
  }

  /** Consumes what is in the command queue, up to the first error (4.1.2, 7.1) or to {@link COMMANDS_AT_ONCE}. */
  private consumeCommands(): void {
    this.moreCommands.cancel();
    const queue = this.queue(SMMU.CMDQ_BASE, COMMAND_WORDS * 4);
    const command = new Uint32Array(COMMAND_WORDS);
    for (let count = 0; this.hasCommands(queue); count++) {
      if (count === COMMANDS_AT_ONCE) {
        this.moreCommands.arm(this.config.clock.nowNs() + PAUSE_NS);
        return;
      }
      const index = this.get(SMMU.CMDQ_CONS) & INDEX_MASK;
      if (!readWords(queue.addressOf(index), command, this.config.memory)) {
        this.commandError(CERROR.ABT, index);
        return;
      }
      const effect = effectOfCommand(command[0]);
      if (effect === 'illegal') {
        this.log.guestError(`SMMUv3: command 0x${command[0].toString(16)} is illegal`);
        this.commandError(CERROR.ILL, index);
        return;
      }
      this.set(SMMU.CMDQ_CONS, queue.next(index));
      if (effect === 'sync with interrupt') pulse(this.config.interrupts.commandSync);
    }
  }

  /** Indexes that contradict each other are left alone (3.5.1). */
  private hasCommands(queue: CircularQueue): boolean {
    if ((this.get(SMMU.CR0) & CR0.CMDQEN) === 0 || this.isActive(GERROR.CMDQ_ERR)) return false;
    const fill = queue.fill(this.get(SMMU.CMDQ_PROD), this.get(SMMU.CMDQ_CONS));
    return fill === 'partial' || fill === 'full';
  }

  private commandError(code: number, index: number): void {
    this.set(SMMU.CMDQ_CONS, (code << CERROR.SHIFT) | index);
    this.raise(GERROR.CMDQ_ERR);
  }

  /** Activates a global error (7.5), which is not active. */
  private raise(error: number): void {
    this.set(SMMU.GERROR, this.get(SMMU.GERROR) ^ error);
    if ((this.get(SMMU.IRQ_CTRL) & IRQ_CTRL.GERROR_IRQEN) !== 0) pulse(this.config.interrupts.globalError);
  }

  private isActive(error: number): boolean {
    return ((this.get(SMMU.GERROR) ^ this.get(SMMU.GERRORN)) & error) !== 0;
  }

  private queue(base: number, entrySize: number): CircularQueue {
    return new CircularQueue(this.get(base), this.get(base + 4), entrySize, BASE_HIGH.ADDRESS_MASK);
  }

  private get(place: number): number {
    return this.registers[place >> 2];
  }

  private set(place: number, value: number): void {
    this.registers[place >> 2] = value;
  }

  private unknown(access: string, offset: number): void {
    this.log.guestError(`SMMUv3: ${access} 0x${offset.toString(16)}, where no register is`);
  }
}

/**
 * The register at an offset, or undefined where none is. The event queue's indexes are in page 1 alone; in page 0 their places
 * are RAZ/WI (6.2).
 */
function placeOf(offset: number): number | undefined {
  const isIndex = (place: number): boolean => place === SMMU.EVENTQ_PROD || place === SMMU.EVENTQ_CONS;
  if (offset >= PAGE_1) return isIndex(offset - PAGE_1) ? offset - PAGE_1 : undefined;
  if (isIndex(offset)) return undefined;
  return offset < SMMU.END || offset >= SMMU.COMPONENT_ID ? offset : undefined;
}

function pulse(line: InterruptLine): void {
  line.set(true);
  line.set(false);
}
