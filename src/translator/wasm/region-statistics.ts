/** What the compiler of regions has done, for `--stats`. */
export class RegionStatistics {
  regions = 0;
  modules = 0;
  /** Guest instructions in compiled regions; those in several count for each. */
  instructions = 0;
  /** Bytes of WebAssembly. */
  bytes = 0;
  /** Milliseconds spent on finding and lifting the code of regions. */
  buildMs = 0;
  /** Milliseconds spent on writing WebAssembly and on the host's compiler, as far as it is waited for. */
  compileMs = 0;
  invalidations = 0;
  evictions = 0;

  built(ms: number): void {
    this.buildMs += ms;
  }

  compiled(
    batch: readonly { readonly compiled: { readonly instructions: number } }[],
    bytes: number,
    ms: number,
  ): void {
    this.modules++;
    this.regions += batch.length;
    for (const { compiled } of batch) this.instructions += compiled.instructions;
    this.bytes += bytes;
    this.compileMs += ms;
  }
}
