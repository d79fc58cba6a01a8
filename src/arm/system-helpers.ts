import type { PendingFault } from '../translator/pending-fault.ts';
import { FaultKind } from '../vmsa/walk.ts';
import { type CoprocessorRegister, type CoprocessorRegister64, userMay } from './coprocessor.ts';
import { debugRegisters, debugRegisters64, executionEnvironmentRegisters } from './cp14.ts';
import { gicRegisters, gicRegisters64 } from './cp15-gic.ts';
import { longDescriptorRegisters, systemControlRegisters } from './cp15-system.ts';
import { timerRegisters, timerRegisters64 } from './cp15-timer.ts';
import type { ArmCpu } from './cpu.ts';
import { Psr } from './cpu-state.ts';
import { type ArmHelperFunctions, packCop } from './helpers.ts';
import { bankedRegisterOf, bankOf, Mode } from './modes.ts';
import { ExceptionKind, StateSlot } from './state.ts';
import type { CpuModel } from './system-registers.ts';

const CP15 = packCop(15, 0, 0, 0, 0);
const CP15_NUMBERS = 1 << 15;

/** The coprocessor registers of a model by packed operands. */
export class CoprocessorMap {
  private readonly words = new Map<number, CoprocessorRegister>();
  private readonly doubles = new Map<number, CoprocessorRegister64>();
  /** Those of cp15 once more: for each number one more than the place in `system`. Linux writes millions of times to them. */
  private readonly places = new Uint16Array(CP15_NUMBERS);
  private readonly system: CoprocessorRegister[] = [];

  constructor(model: CpuModel) {
    const rows = [
      ...systemControlRegisters(model),
      ...debugRegisters(model),
      ...executionEnvironmentRegisters,
    ];
    if (model.features.genericTimer) rows.push(...timerRegisters());
    if (model.features.gicSystemRegisters) {
      rows.push(...gicRegisters());
      for (const row of gicRegisters64()) this.doubles.set(row.at, row);
    }
    for (const row of rows) {
      this.words.set(row.at, row);
      if (row.at >= CP15) this.places[row.at - CP15] = this.system.push(row);
    }
    if (model.features.genericTimer) for (const row of timerRegisters64()) this.doubles.set(row.at, row);
    if (model.features.lpae) {
      for (const row of [...longDescriptorRegisters(), ...debugRegisters64()]) this.doubles.set(row.at, row);
    }
  }

  word(at: number): CoprocessorRegister | undefined {
    if (at < CP15) return this.words.get(at);
    const place = this.places[at - CP15];
    return place === 0 ? undefined : this.system[place - 1];
  }

  double(at: number): CoprocessorRegister64 | undefined {
    return this.doubles.get(at);
  }

  /** All rows, for listings and for the tests of the tables. */
  rows(): readonly CoprocessorRegister[] {
    return [...this.words.values()];
  }
}

/** CPSRWriteByInstr and SPSRWriteByInstr: the bits that a byte mask selects (B1.3.3). */
function bytesOf(mask: number): number {
  let bits = 0;
  for (let i = 0; i < 4; i++) if ((mask >> i) & 1) bits |= 0xff << (8 * i);
  return bits;
}

const USER_WRITABLE = 0xf80f0000 | Psr.E;
const PRIVILEGED_WRITABLE = USER_WRITABLE | Psr.A | Psr.I | Psr.F | Psr.M;

/**
 * The helpers that lifted code calls, for whichever CPU is active.
 * @param active gives the CPU that is running; one table serves all of them.
 */
export function systemHelpers(
  active: () => ArmCpu,
  fault: PendingFault,
  registers: CoprocessorMap,
): ArmHelperFunctions {
  const undefinedInstruction = (): number => {
    fault.raise(ExceptionKind.Undefined);
    return 0;
  };
  const accessible = <T extends { readonly user: CoprocessorRegister['user'] }>(
    row: T | undefined,
    write: boolean,
  ): T | undefined => {
    const cpu = active();
    if (row === undefined) return undefined;
    return cpu.state.privileged || userMay(row, write, cpu) ? row : undefined;
  };
  const copWrite = (at: number, value: number): number => {
    const row = accessible(registers.word(at), true);
    if (row?.write === undefined) return undefinedInstruction();
    row.write(active(), value);
    return 0;
  };
  return {
    copRead(at) {
      const row = accessible(registers.word(at), false);
      return row?.read === undefined ? undefinedInstruction() : row.read(active());
    },
    copWrite,
    dataCacheByAddress: copWrite,
    copRead64(at) {
      const row = accessible(registers.double(at), false);
      return row?.read === undefined ? undefinedInstruction() : row.read(active());
    },
    copWrite64(at, low, high) {
      const row = accessible(registers.double(at), true);
      if (row?.write === undefined) return undefinedInstruction();
      row.write(active(), low, high);
      return 0;
    },
    mrsSpsr: () => active().state.spsr,
    msrCpsr(value, mask) {
      const { state } = active();
      const bits = bytesOf(mask) & (state.privileged ? PRIVILEGED_WRITABLE : USER_WRITABLE);
      state.cpsr = (state.cpsr & ~bits) | (value & bits);
      return 0;
    },
    msrSpsr(value, mask) {
      const { state } = active();
      const bits = bytesOf(mask) & 0xff0fffff;
      state.spsr = (state.spsr & ~bits) | (value & bits);
      return 0;
    },
    mrsBanked(encoding) {
      const { state } = active();
      const name = bankedRegisterOf(encoding);
      if (name === undefined || !state.privileged) return undefinedInstruction();
      if (name.register === 'spsr') return state.banked.spsr[name.bank];
      return state.readBanked(name.bank, name.register === 'sp' ? 13 : name.register === 'lr' ? 14 : name.n);
    },
    msrBanked(encoding, value) {
      const { state } = active();
      const name = bankedRegisterOf(encoding);
      if (name === undefined || !state.privileged) return undefinedInstruction();
      if (name.register === 'spsr') state.banked.spsr[name.bank] = value & 0xff0fffff;
      else
        state.writeBanked(
          name.bank,
          name.register === 'sp' ? 13 : name.register === 'lr' ? 14 : name.n,
          value,
        );
      return 0;
    },
    cps(change, mode) {
      const { state } = active();
      if (!state.privileged) return 0;
      const imod = change >> 8;
      const mask =
        ((change & 4) !== 0 ? Psr.A : 0) |
        ((change & 2) !== 0 ? Psr.I : 0) |
        ((change & 1) !== 0 ? Psr.F : 0);
      if (imod === 2) state.slots[StateSlot.AIFM] &= ~mask;
      else if (imod === 3) state.slots[StateSlot.AIFM] |= mask;
      if (bankOf(mode) >= 0) state.switchMode(mode);
      return 0;
    },
    exceptionReturn(pc) {
      const { state } = active();
      if (state.mode === Mode.User || state.mode === Mode.System) return undefinedInstruction();
      active().returnTo(pc, state.spsr);
      return 0;
    },
    returnFromException(pc, cpsr) {
      if (!active().state.privileged) return undefinedInstruction();
      active().returnTo(pc, cpsr);
      return 0;
    },
    readBankedSp(mode) {
      const bank = bankOf(mode);
      if (bank < 0 || !active().state.privileged) return undefinedInstruction();
      return active().state.readBanked(bank, 13);
    },
    writeBankedSp(mode, value) {
      active().state.writeBanked(bankOf(mode), 13, value);
      return 0;
    },
    readUserRegister: (n) => active().state.readBanked(0, n),
    writeUserRegister(n, value) {
      active().state.writeBanked(0, n, value);
      return 0;
    },
    hvc: () => (active().hypervisorCall('hvc') ? 0 : undefinedInstruction()),
    smc: () => (active().hypervisorCall('smc') ? 0 : undefinedInstruction()),
    sev() {
      active().sendEvent();
      return 0;
    },
    alignmentFault: (address, store) => active().mmu.abort(address, FaultKind.Alignment, store === 1),
  };
}
