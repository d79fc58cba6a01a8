import type { DmaPort } from '../../ports/dma.ts';
import type { AccessSize, DeviceLog, MmioDevice, Requester } from '../../ports/mmio.ts';
import { assignPlain, copyPlain } from '../../ports/plain-state.ts';
import type { Saveable } from '../../ports/saveable.ts';
import type { GicV3Core } from './core.ts';
import { IIDR_VALUE } from './distributor.ts';
import { identification } from './identification.ts';
import { lanesOf, partOf } from './interrupt-registers.ts';
import { COMMAND_BYTES, ItsCommands } from './its-commands.ts';
import {
  COLLECTION_ENTRY_BYTES,
  COLLECTION_ID_BITS,
  DEVICE_ENTRY_BYTES,
  DEVICE_ID_BITS,
  EVENT_ID_BITS,
  ItsTables,
  TRANSLATION_ENTRY_BYTES,
} from './its-tables.ts';

/** ITS registers (IHI 0069 table 12-36); GITS_TRANSLATER is in the second frame of 64 KiB. */
export const GITS = {
  CTLR: 0x0000,
  IIDR: 0x0004,
  TYPER: 0x0008,
  CBASER: 0x0080,
  CWRITER: 0x0088,
  CREADR: 0x0090,
  BASER: 0x0100,
  PIDR4: 0xffd0,
  TRANSLATER: 0x10040,
} as const;

const CTLR_ENABLED = 1 << 0;
/** Nothing is ever under way between two accesses. */
const CTLR_QUIESCENT = 0x8000_0000;
/** Physical LPIs; sizes less one. */
const TYPER_LOW =
  1 | ((TRANSLATION_ENTRY_BYTES - 1) << 4) | ((EVENT_ID_BITS - 1) << 8) | ((DEVICE_ID_BITS - 1) << 13);
/** CIL: CIDbits counts. */
const TYPER_HIGH = (1 << 4) | (COLLECTION_ID_BITS - 1);
/** Type and Entry_Size of the two GITS_BASER registers that are there: device table and collection table. */
const BASER_FIXED = [
  (1 << 24) | ((DEVICE_ENTRY_BYTES - 1) << 16),
  (4 << 24) | ((COLLECTION_ENTRY_BYTES - 1) << 16),
] as const;
const BASER_WRITABLE_HIGH = 0xf8e0_ffff;
const CBASER_WRITABLE = [0xffff_fcff, 0xf8ef_ffff] as const;
const CBASER_VALID = 0x8000_0000;
/** Offsets of GITS_CWRITER and GITS_CREADR. */
const QUEUE_OFFSET = 0xfffe0;
const QUEUE_PAGE = 4096;

export type ItsState = {
  enabled: boolean;
  cbaser: Uint32Array;
  /** GITS_CWRITER and GITS_CREADR: offsets in the command queue. */
  cwriter: number;
  creadr: number;
  baserDevices: Uint32Array;
  baserCollections: Uint32Array;
};

/** Interrupt Translation Service (IHI 0069 5.2, 12.18): its tables and its command queue are in guest memory. */
export class Its implements MmioDevice, Saveable<ItsState> {
  private readonly state: ItsState = {
    enabled: false,
    cbaser: new Uint32Array(2),
    cwriter: 0,
    creadr: 0,
    baserDevices: new Uint32Array(2),
    baserCollections: new Uint32Array(2),
  };
  private readonly memory: DmaPort;
  private readonly log: DeviceLog;
  private readonly commands: ItsCommands;
  private readonly command = new Uint8Array(COMMAND_BYTES);

  constructor(core: GicV3Core, memory: DmaPort, log: DeviceLog) {
    this.memory = memory;
    this.log = log;
    const { baserDevices, baserCollections } = this.state;
    this.commands = new ItsCommands(core, new ItsTables(memory), baserDevices, baserCollections);
    this.reset();
  }

  reset(): void {
    const { state } = this;
    state.enabled = false;
    state.cwriter = 0;
    state.creadr = 0;
    state.cbaser.fill(0);
    for (const [i, baser] of [state.baserDevices, state.baserCollections].entries()) {
      baser[0] = 0;
      baser[1] = BASER_FIXED[i];
    }
  }

  saveState(): ItsState {
    return copyPlain(this.state);
  }

  restoreState(state: ItsState): void {
    assignPlain(this.state, state, 'the ITS');
  }

  read(offset: number, size: AccessSize): number {
    return partOf(this.readWord(offset & ~3), offset, size);
  }

  write(offset: number, size: AccessSize, value: number, requester: Requester): void {
    if (offset === GITS.TRANSLATER && size !== 1) {
      this.translate(value, requester);
      return;
    }
    const { offset: at, value: word, mask } = lanesOf(offset, size, value);
    const { state } = this;
    const half = (at & 4) >>> 2;
    switch (at) {
      case GITS.CTLR:
        if ((mask & CTLR_ENABLED) !== 0) state.enabled = (word & CTLR_ENABLED) !== 0;
        this.runCommands();
        return;
      case GITS.CBASER:
      case GITS.CBASER + 4:
        // Fixed while the ITS is enabled (12.19.2). A write starts the queue anew.
        if (state.enabled) return;
        state.cbaser[half] = ((state.cbaser[half] & ~mask) | word) & CBASER_WRITABLE[half];
        state.creadr = 0;
        return;
      case GITS.CWRITER:
        state.cwriter = ((state.cwriter & ~mask) | word) & QUEUE_OFFSET;
        this.runCommands();
        return;
      case GITS.BASER:
      case GITS.BASER + 4:
        this.writeTableBase(state.baserDevices, 0, half, word, mask);
        return;
      case GITS.BASER + 8:
      case GITS.BASER + 12:
        this.writeTableBase(state.baserCollections, 1, half, word, mask);
        return;
      default:
        // GITS_BASER2 to 7 are there and RAZ/WI: no table of theirs is needed.
        if ((at < GITS.BASER || at >= GITS.BASER + 64) && at !== GITS.CWRITER + 4) {
          this.log.guestError(`ITS: write to read-only or reserved register 0x${offset.toString(16)}`);
        }
    }
  }

  private readWord(offset: number): number {
    const { state } = this;
    const half = (offset & 4) >>> 2;
    if (offset >= GITS.PIDR4 && offset < 0x10000) return identification(offset - GITS.PIDR4, 'its');
    if (offset >= GITS.BASER && offset < GITS.BASER + 8) return state.baserDevices[half];
    if (offset >= GITS.BASER + 8 && offset < GITS.BASER + 16) return state.baserCollections[half];
    if (offset >= GITS.BASER + 16 && offset < GITS.BASER + 64) return 0;
    switch (offset) {
      case GITS.CTLR:
        return CTLR_QUIESCENT | (state.enabled ? CTLR_ENABLED : 0);
      case GITS.IIDR:
        return IIDR_VALUE;
      case GITS.TYPER:
        return TYPER_LOW;
      case GITS.TYPER + 4:
        return TYPER_HIGH;
      case GITS.CBASER:
      case GITS.CBASER + 4:
        return state.cbaser[half];
      case GITS.CWRITER:
        return state.cwriter;
      case GITS.CREADR:
        return state.creadr;
      case GITS.CWRITER + 4:
      case GITS.CREADR + 4:
        return 0;
      default:
        this.log.guestError(`ITS: read of write-only or reserved register 0x${offset.toString(16)}`);
        return 0;
    }
  }

  private writeTableBase(baser: Uint32Array, which: 0 | 1, half: number, word: number, mask: number): void {
    if (this.state.enabled) return;
    const merged = (baser[half] & ~mask) | word;
    baser[half] = half === 0 ? merged : (merged & BASER_WRITABLE_HIGH) | BASER_FIXED[which];
  }

  /** Runs what is between CREADR and CWRITER: at once, and at most as many commands as the queue has room for. */
  private runCommands(): void {
    const { state } = this;
    const [low, high] = state.cbaser;
    if (!state.enabled || (high & CBASER_VALID) === 0) return;
    const bytes = ((low & 0xff) + 1) * QUEUE_PAGE;
    if (state.cwriter >= bytes) {
      this.log.guestError('ITS: GITS_CWRITER points beyond the command queue');
      return;
    }
    const base = (high & 0xfffff) * 2 ** 32 + ((low & 0xfffff000) >>> 0);
    while (state.creadr !== state.cwriter) {
      const problem = this.memory.read(base + state.creadr, this.command)
        ? this.commands.run(this.command)
        : 'the command queue is not in memory';
      if (problem !== undefined) this.log.guestError(`ITS: ${problem}`);
      state.creadr = (state.creadr + COMMAND_BYTES) % bytes;
    }
  }

  /** GITS_TRANSLATER: the device ID is the bus master's stream ID. */
  private translate(eventId: number, requester: Requester): void {
    if (!this.state.enabled) return;
    const problem =
      requester.kind === 'stream'
        ? this.commands.trigger(requester.streamId, eventId)
        : 'a CPU has no device ID';
    if (problem !== undefined) this.log.guestError(`ITS: message not translated: ${problem}`);
  }
}
