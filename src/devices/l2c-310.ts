import { type AccessSize, type DeviceLog, type MmioDevice, silentLog } from '../ports/mmio.ts';
import { assignPlain } from '../ports/plain-state.ts';
import type { Saveable } from '../ports/saveable.ts';

/** Registers (ARM DDI 0246F table 3-1). */
export const L2C310 = {
  CacheId: 0x000,
  CacheType: 0x004,
  Control: 0x100,
  AuxControl: 0x104,
  TagRamControl: 0x108,
  DataRamControl: 0x10c,
  /** Event counters and interrupts: 0x200 to 0x220. */
  EventCounterControl: 0x200,
  InterruptClear: 0x220,
  CacheSync: 0x730,
  CleanInvalidateByIndex: 0x7f8,
  /** Lockdown by way, data and instructions of eight masters, and by line. */
  Lockdown: 0x900,
  UnlockAllLines: 0x954,
  FilteringStart: 0xc00,
  FilteringEnd: 0xc04,
  DebugControl: 0xf40,
  PrefetchControl: 0xf60,
  PowerControl: 0xf80,
} as const;

/** Cache ID: implementer Arm, part L2C-310, release r3p2; cache type: 8 ways; both as QEMU has them. */
const CACHE_ID = 0x410000c8;
const CACHE_TYPE = 0x1c100100;
const RESET_AUX_CONTROL = 0x02020000;

/** Registers that keep what they are given, with their reset values. */
const STORED: ReadonlyMap<number, number> = new Map([
  [L2C310.Control, 0],
  [L2C310.AuxControl, RESET_AUX_CONTROL],
  [L2C310.TagRamControl, 0],
  [L2C310.DataRamControl, 0],
  [L2C310.FilteringStart, 0],
  [L2C310.FilteringEnd, 0],
]);

export type L2c310State = { [offset: string]: number };

/**
 * Level 2 cache controller L2C-310 (ARM DDI 0246). The cache is not modelled: configuration is kept, maintenance is complete
 * at once, events are not counted.
 */
export class L2c310 implements MmioDevice, Saveable<L2c310State> {
  readonly #state: L2c310State;
  readonly #log: DeviceLog;

  constructor(log: DeviceLog = silentLog) {
    this.#log = log;
    this.#state = resetState();
  }

  reset(): void {
    assignPlain(this.#state, resetState(), 'the L2C-310');
  }

  saveState(): L2c310State {
    return { ...this.#state };
  }

  restoreState(state: L2c310State): void {
    assignPlain(this.#state, state, 'the L2C-310');
  }

  read(offset: number): number {
    if (offset === L2C310.CacheId) return CACHE_ID;
    if (offset === L2C310.CacheType) return CACHE_TYPE;
    if (STORED.has(offset)) return this.#state[offset];
    if (!isWithoutEffect(offset)) {
      this.#log.guestError(`L2C-310: read of reserved register 0x${offset.toString(16)}`);
    }
    return 0;
  }

  write(offset: number, _size: AccessSize, value: number): void {
    if (STORED.has(offset)) this.#state[offset] = value >>> 0;
    else if (!isWithoutEffect(offset)) {
      this.#log.guestError(`L2C-310: write to read-only or reserved register 0x${offset.toString(16)}`);
    }
  }
}

function resetState(): L2c310State {
  return Object.fromEntries(STORED);
}

/** Counters, maintenance, lockdown, prefetch and power: there, and zero. */
function isWithoutEffect(offset: number): boolean {
  return (
    (offset >= L2C310.EventCounterControl && offset <= L2C310.InterruptClear) ||
    (offset >= L2C310.CacheSync && offset <= L2C310.CleanInvalidateByIndex + 4) ||
    (offset >= L2C310.Lockdown && offset <= L2C310.UnlockAllLines) ||
    offset === L2C310.DebugControl ||
    offset === L2C310.PrefetchControl ||
    offset === L2C310.PowerControl
  );
}
