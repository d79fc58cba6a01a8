/**
 * Storage of a device that CPUs read and execute without asking it, as they do RAM. Writes always come to the device.
 */
export interface DirectReads {
  /** What CPUs see while direct reads are on; all zeros at first. */
  readonly storage: Uint8Array;
  /** On (the state at first): reads take the storage's bytes. Off: each read comes to the device. */
  set(on: boolean): void;
  /** These bytes of the storage have changed: code translated from them is void. */
  changed(offset: number, length: number): void;
}

/** Storage that only its device reads. */
export function privateStorage(size: number): DirectReads {
  return { storage: new Uint8Array(size), set() {}, changed() {} };
}
