import type { Capability, CapabilityHost } from '../capability.ts';
import type { ConfigRegisters, ConfigWrite } from '../config-registers.ts';
import { CapabilityId } from '../registers.ts';

/** Offsets within the capability (PCI Power Management 1.2, 3.2). */
export const PowerManagementRegister = { PMC: 2, PMCSR: 4, PMCSR_BSE: 6, DATA: 7 } as const;
const { PMC, PMCSR, PMCSR_BSE, DATA } = PowerManagementRegister;

/** PMC.Version for revision 1.2 of the specification (3.2.3); no PME, neither D1 nor D2. */
const VERSION_1_2 = 0b011;
const POWER_STATE = 0b11;
/** PMCSR.No_Soft_Reset (3.2.4): the function keeps its configuration on the way from D3hot to D0. */
const NO_SOFT_RESET = 1 << 3;

/** The power management capability with the states D0 and D3hot. */
export class PowerManagement implements Capability {
  readonly id = CapabilityId.POWER_MANAGEMENT;
  readonly length = 8;
  readonly wantedOffset: number | undefined;
  private readonly host: CapabilityHost;
  private registers!: ConfigRegisters;
  private offset = 0;
  private current: 0 | 3 = 0;

  constructor(host: CapabilityHost, wantedOffset: number | undefined) {
    this.host = host;
    this.wantedOffset = wantedOffset;
  }

  /** D0 or D3hot. */
  get powerState(): 0 | 3 {
    return this.current;
  }

  place(registers: ConfigRegisters, offset: number): void {
    this.registers = registers;
    this.offset = offset;
    registers.define(offset + PMC, 2, VERSION_1_2);
    registers.define(offset + PMCSR, 2, NO_SOFT_RESET);
    registers.define(offset + PMCSR_BSE, 1, 0);
    registers.define(offset + DATA, 1, 0);
  }

  written(write: ConfigWrite): void {
    const low = write.byteAt(this.offset + PMCSR);
    if (low === undefined) return;
    const state = low & POWER_STATE;
    // 3.2.4: a write of an unsupported state completes, its data is discarded and the state does not change.
    if ((state !== 0 && state !== 3) || state === this.current) return;
    this.registers.update(this.offset + PMCSR, 1, POWER_STATE, state);
    this.current = state;
    this.host.changed({ kind: 'power', state });
  }

  refresh(): void {
    this.current = (this.registers.read(this.offset + PMCSR, 1) & POWER_STATE) === 3 ? 3 : 0;
  }
}
