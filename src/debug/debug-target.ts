/** Where and why CPUs are to stop. Addresses are virtual. */
export type StopPoint =
  | { readonly kind: 'execute'; readonly address: number }
  | {
      readonly kind: 'read' | 'write' | 'access';
      readonly address: number;
      /** In bytes. */
      readonly length: number;
    };

/** Why a machine stands still. */
export interface StopReport {
  /** The CPU that stopped it. */
  readonly cpu: number;
  /** `request`: somebody asked for it; `step`: an instruction was stepped; otherwise a stop point. */
  readonly reason: 'request' | 'step' | 'breakpoint' | 'watchpoint';
  /** Of a watchpoint. */
  readonly watch?: { readonly kind: 'read' | 'write' | 'access'; readonly address: number };
}

/** What a debugger hears of its machine. */
export interface DebugListener {
  /** The machine stands still now. */
  stopped(report: StopReport): void;
  /** The machine has ended. @param code exit code, 0 to 255 */
  ended(code: number): void;
}

/** Registers by the numbers of the target description: R0 to R15, CPSR, D0 to D31, FPSCR. */
export const RegisterNumber = { cpsr: 16, d0: 17, fpscr: 49, count: 50 } as const;

/** A machine as its debugger sees it. Registers and memory are looked at only while it stands still. */
export interface DebugTarget {
  readonly cpuCount: number;
  /** A line about a CPU for people: `on`, `waits for an interrupt`, `off`. */
  describeCpu(cpu: number): string;
  /** @returns 4 bytes, or 8 for D registers, little-endian */
  readRegister(cpu: number, register: number): Uint8Array;
  /** @param value as many bytes as `readRegister` gives */
  writeRegister(cpu: number, register: number, value: Uint8Array): void;
  /** By the CPU's translation. @returns what can be read from the start on; may be empty */
  readMemory(cpu: number, address: number, length: number): Uint8Array;
  /** @returns false when a byte of it can't be written; those before it have been */
  writeMemory(cpu: number, address: number, bytes: Uint8Array): boolean;
  addStopPoint(point: StopPoint): void;
  removeStopPoint(point: StopPoint): void;
  clearStopPoints(): void;
  /** Stops the machine; `stopped` follows, at once where it stands still already. */
  stop(): void;
  resume(): void;
  /** One instruction of a CPU, and of those in `others` that can run; `stopped` follows. */
  step(cpu: number, others: readonly number[]): void;
  /** Ends the machine. */
  kill(): void;
}
