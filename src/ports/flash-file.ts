/** What keeps a flash memory's contents while the machine is off: a file of exactly its size. */
export interface FlashFile {
  /** What it is called in messages. */
  readonly name: string;
  /** The contents when the machine is made. */
  readonly bytes: Uint8Array;
  /** Whether the guest can't change it; its programs and erasures then fail. */
  readonly readOnly: boolean;
  /**
   * Replaces bytes from `offset` on.
   * @returns false when they could not be written: a full disk. The guest sees a failed operation.
   */
  write(offset: number, bytes: Uint8Array): boolean;
  /** Nothing is written any more; resolves when others may open it. */
  close?(): Promise<void> | void;
}
