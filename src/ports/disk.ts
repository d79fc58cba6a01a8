/** A disk's smallest unit; sizes and offsets are multiples of it. */
export const SECTOR_BYTES = 512;

/** Bytes of a disk that are not those of its file. */
export type DiskWrite = { readonly offset: number; readonly bytes: Uint8Array };

/**
 * What a guest's disk is backed by: a file of the host, memory, anything. Several operations may be under way at once; what
 * overlapping ones do to each other is nobody's promise. A failure rejects, and the guest sees an I/O error.
 */
export interface DiskBackend {
  /** What it is, for messages: `'disk.img'`. */
  readonly name: string;
  /** In bytes, a multiple of {@link SECTOR_BYTES}. */
  readonly size: number;
  readonly readOnly: boolean;
  /** Fills `into` with the contents from `offset` on. */
  read(offset: number, into: Uint8Array): Promise<void>;
  /** Writes `from`, which is not changed until this has settled. */
  write(offset: number, from: Uint8Array): Promise<void>;
  /** The range reads as zeroes afterwards. @param mayUnmap its room may be given back to the host */
  writeZeroes(offset: number, length: number, mayUnmap: boolean): Promise<void>;
  /** The guest does not need the contents of the range any more; they may become zeroes or stay. */
  discard(offset: number, length: number): Promise<void>;
  /** Resolves when everything written before is safe from a crash of the host. */
  flush(): Promise<void>;
  /**
   * Tells the contents of whatever keeps them from other contents without reading them: another text whenever they may have
   * changed. What {@link saveWrites} gives is not part of them. Absent: nothing is known, and a snapshot does not check.
   */
  identity?(): Promise<string>;
  /** What was written over contents that stay as they are (a throw-away disk), for a snapshot. Absent: nothing. */
  saveWrites?(): Promise<readonly DiskWrite[]>;
  /** Takes what `saveWrites` gave. @throws RangeError when it does not fit onto the disk */
  restoreWrites?(writes: readonly DiskWrite[]): Promise<void>;
  /** Flushes and gives up what it holds of the host. Called once, when nothing is under way. */
  close(): Promise<void>;
}
