/** A range of virtual addresses that a debugger watches. */
export interface Watchpoint {
  readonly address: number;
  /** In bytes, 1 or more. */
  readonly length: number;
  readonly kind: 'read' | 'write' | 'access';
}

/** Why a CPU stopped for its debugger. */
export type DebugStop =
  | { readonly reason: 'breakpoint' }
  | { readonly reason: 'watchpoint'; readonly watchpoint: Watchpoint };

/**
 * Where a debugger wants CPUs to stop: before the instruction at an address, and before an instruction that accesses one.
 * Addresses are virtual, and count in every context.
 */
export class StopPoints {
  readonly breakpoints = new Set<number>();
  private readonly watchpoints: Watchpoint[] = [];

  get isEmpty(): boolean {
    return this.breakpoints.size === 0 && this.watchpoints.length === 0;
  }

  get watches(): boolean {
    return this.watchpoints.length > 0;
  }

  isBreakpoint(pc: number): boolean {
    return this.breakpoints.has(pc >>> 0);
  }

  addWatchpoint(watchpoint: Watchpoint): void {
    if (this.indexOf(watchpoint) < 0) this.watchpoints.push(watchpoint);
  }

  removeWatchpoint(watchpoint: Watchpoint): void {
    const index = this.indexOf(watchpoint);
    if (index >= 0) this.watchpoints.splice(index, 1);
  }

  clear(): void {
    this.breakpoints.clear();
    this.watchpoints.length = 0;
  }

  /** The watchpoint that an access touches. */
  watchpointAt(va: number, size: number, write: boolean): Watchpoint | undefined {
    const from = va >>> 0;
    const other = write ? 'read' : 'write';
    return this.watchpoints.find(
      ({ address, length, kind }) => kind !== other && from < address + length && address < from + size,
    );
  }

  private indexOf({ address, length, kind }: Watchpoint): number {
    return this.watchpoints.findIndex(
      (known) => known.address === address && known.length === length && known.kind === kind,
    );
  }
}
