import type { Clock } from '../ports/clock.ts';
import { type AccessSize, type DeviceLog, type MmioDevice, silentLog } from '../ports/mmio.ts';
import { assignPlain, copyPlain } from '../ports/plain-state.ts';
import type { Saveable } from '../ports/saveable.ts';

/** Registers of the motherboard (ARM DUI 0447J table 4-3). */
export const SYS = {
  ID: 0x000,
  SW: 0x004,
  LED: 0x008,
  COUNTER_100HZ: 0x024,
  /** Write: sets bits. */
  FLAGS: 0x030,
  FLAGSCLR: 0x034,
  NVFLAGS: 0x038,
  NVFLAGSCLR: 0x03c,
  MCI: 0x048,
  FLASH: 0x04c,
  CFGSW: 0x058,
  COUNTER_24MHZ: 0x05c,
  MISC: 0x060,
  DMA: 0x064,
  PROCID0: 0x084,
  PROCID1: 0x088,
  CFGDATA: 0x0a0,
  CFGCTRL: 0x0a4,
  CFGSTAT: 0x0a8,
} as const;

/** Functions of the configuration bus (ARM DUI 0447J 4.4.19), by the names that tables and device trees have for them. */
export const CONFIG_FUNCTIONS = {
  osc: 1,
  volt: 2,
  amp: 3,
  temp: 4,
  reset: 5,
  scc: 6,
  muxfpga: 7,
  shutdown: 8,
  reboot: 9,
  dvimode: 11,
  power: 12,
  energy: 13,
} as const;
export type ConfigFunction = keyof typeof CONFIG_FUNCTIONS;

/** Something that the configuration bus reaches. */
export interface ConfigSetting {
  readonly function: ConfigFunction;
  /** Where it is: 0 on the motherboard, 1 on the daughterboard of site 1. */
  readonly site: number;
  /** Number among those of its function. */
  readonly device: number;
  /** What it reads at power on: Hz, microvolts. Undefined where it can only be written. */
  readonly value: number | undefined;
  readonly writable: boolean;
}

export interface VexpressSysregConfig {
  readonly clock: Clock;
  /** SYS_PROCID0: the daughterboard's HBI number and the CPU. */
  readonly procId: number;
  readonly settings: readonly ConfigSetting[];
  /** Of the card in the slot. */
  readonly card: { readonly inserted: () => boolean; readonly readOnly: () => boolean };
  readonly powerOff: () => void;
  readonly reboot: () => void;
}

/** HBI 0190, revision B, FPGA build 0: SYS_ID as QEMU has it. */
const SYS_ID = 0x1190f500;
/** No daughterboard in site 2. */
const NO_DAUGHTERBOARD = 0xff000000;

/** SYS_CFGCTRL (4.4.19). */
const CFGCTRL = { START: 0x8000_0000, WRITE: 0x4000_0000 } as const;
const CFGCTRL_FUNCTION = 20;
const CFGCTRL_SITE = 16;
const CFGCTRL_DEVICE = 0xfff;
/** DCC (29:26) and stack position (15:12) are those of the only controller and the only board of a site. */
const CFGCTRL_ELSEWHERE = 0x3c00_f000;
/** SYS_CFGSTAT (4.4.20). */
const CFGSTAT = { COMPLETE: 1, ERROR: 2 } as const;
/** SYS_MCI (4.4.11). */
const MCI = { CARDIN: 1, WPROT: 2 } as const;
/** SYS_MISC.MASTERSITE (4.4.14). */
const MASTERSITE = 1 << 14;
const FLASH_WRITABLE = 1;

export type VexpressSysregState = {
  led: number;
  flags: number;
  nvFlags: number;
  flash: number;
  misc: number;
  dma: number;
  cfgData: number;
  cfgControl: number;
  cfgStatus: number;
  /** Of the settings, in their order. */
  readonly values: number[];
};

/** Versatile Express system registers of the motherboard V2M-P1 (ARM DUI 0447) with its configuration bus. */
export class VexpressSysreg implements MmioDevice, Saveable<VexpressSysregState> {
  readonly #state: VexpressSysregState;
  readonly #config: VexpressSysregConfig;
  readonly #log: DeviceLog;

  constructor(config: VexpressSysregConfig, log: DeviceLog = silentLog) {
    this.#config = config;
    this.#log = log;
    this.#state = powerOn(config);
  }

  reset(): void {
    assignPlain(this.#state, powerOn(this.#config), 'the system registers');
  }

  saveState(): VexpressSysregState {
    return copyPlain(this.#state);
  }

  restoreState(state: VexpressSysregState): void {
    assignPlain(this.#state, state, 'the system registers');
  }

  read(offset: number, size: AccessSize): number {
    const word = this.#word(offset & ~3) >>> (8 * (offset & 3));
    return size === 4 ? word >>> 0 : word & (size === 2 ? 0xffff : 0xff);
  }

  write(offset: number, _size: AccessSize, value: number): void {
    const state = this.#state;
    const word = value >>> 0;
    switch (offset) {
      case SYS.LED:
        state.led = word & 0xff;
        return;
      case SYS.FLAGS:
        state.flags = (state.flags | word) >>> 0;
        return;
      case SYS.FLAGSCLR:
        state.flags = (state.flags & ~word) >>> 0;
        return;
      case SYS.NVFLAGS:
        state.nvFlags = (state.nvFlags | word) >>> 0;
        return;
      case SYS.NVFLAGSCLR:
        state.nvFlags = (state.nvFlags & ~word) >>> 0;
        return;
      case SYS.FLASH:
        state.flash = word & FLASH_WRITABLE;
        return;
      case SYS.MISC:
        state.misc = word & MASTERSITE;
        return;
      case SYS.DMA:
        state.dma = word;
        return;
      case SYS.SW:
      case SYS.CFGSW:
      case SYS.MCI:
        // Switches and pins of the board: read only.
        return;
      case SYS.CFGDATA:
        state.cfgData = word;
        return;
      case SYS.CFGCTRL:
        this.#configure(word);
        return;
      case SYS.CFGSTAT:
        state.cfgStatus = word & (CFGSTAT.COMPLETE | CFGSTAT.ERROR);
        return;
      default:
        this.#log.guestError(`SYS: write to read-only or reserved register 0x${offset.toString(16)}`);
    }
  }

  #word(offset: number): number {
    const { clock, procId, card } = this.#config;
    const state = this.#state;
    switch (offset) {
      case SYS.ID:
        return SYS_ID;
      case SYS.SW:
      case SYS.CFGSW:
        return 0;
      case SYS.LED:
        return state.led;
      case SYS.COUNTER_100HZ:
        return Math.floor(clock.nowNs() / 10_000_000) >>> 0;
      case SYS.COUNTER_24MHZ:
        return Math.floor((clock.nowNs() * 3) / 125) >>> 0;
      case SYS.FLAGS:
        return state.flags;
      case SYS.NVFLAGS:
        return state.nvFlags;
      case SYS.MCI:
        return (card.inserted() ? MCI.CARDIN : 0) | (card.readOnly() ? MCI.WPROT : 0);
      case SYS.FLASH:
        return state.flash;
      case SYS.MISC:
        return state.misc;
      case SYS.DMA:
        return state.dma;
      case SYS.PROCID0:
        return procId;
      case SYS.PROCID1:
        return NO_DAUGHTERBOARD;
      case SYS.CFGDATA:
        return state.cfgData;
      case SYS.CFGCTRL:
        return state.cfgControl;
      case SYS.CFGSTAT:
        return state.cfgStatus;
      default:
        this.#log.guestError(`SYS: read of write-only or reserved register 0x${offset.toString(16)}`);
        return 0;
    }
  }

  /** A transaction of the configuration bus: complete at once. */
  #configure(control: number): void {
    const state = this.#state;
    // The start bit falls when it is complete.
    state.cfgControl = (control & ~CFGCTRL.START) >>> 0;
    if ((control & CFGCTRL.START) === 0) return;
    const isWrite = (control & CFGCTRL.WRITE) !== 0;
    const index = (control & CFGCTRL_ELSEWHERE) === 0 ? this.#find(control) : -1;
    const setting = this.#config.settings[index];
    const allowed = setting !== undefined && (isWrite ? setting.writable : setting.value !== undefined);
    state.cfgStatus = CFGSTAT.COMPLETE | (allowed ? 0 : CFGSTAT.ERROR);
    if (!allowed) {
      const how = isWrite ? 'write' : 'read';
      this.#log.guestError(`SYS: ${how} by the configuration bus, 0x${control.toString(16)}: nothing there`);
      return;
    }
    if (!isWrite) {
      state.cfgData = state.values[index];
      return;
    }
    state.values[index] = state.cfgData;
    if (setting.function === 'shutdown') this.#config.powerOff();
    if (setting.function === 'reboot') this.#config.reboot();
  }

  #find(control: number): number {
    const id = (control >>> CFGCTRL_FUNCTION) & 0x3f;
    const site = (control >>> CFGCTRL_SITE) & 3;
    const device = control & CFGCTRL_DEVICE;
    return this.#config.settings.findIndex(
      (setting) =>
        CONFIG_FUNCTIONS[setting.function] === id && setting.site === site && setting.device === device,
    );
  }
}

function powerOn({ settings }: VexpressSysregConfig): VexpressSysregState {
  return {
    led: 0,
    flags: 0,
    nvFlags: 0,
    flash: 0,
    misc: 0,
    dma: 0,
    cfgData: 0,
    cfgControl: 0,
    cfgStatus: 0,
    values: settings.map(({ value }) => value ?? 0),
  };
}
