/** Width of one bus access in bytes. Guest accesses of 8 bytes arrive by `read64` and `write64`. */
export type AccessSize = 1 | 2 | 4;

/**
 * Who makes a bus access. A device decides by it what a banked register shows (GICv2) or whether an
 * access is allowed; an IOMMU selects the translation by `streamId`.
 */
export interface Requester {
  readonly kind: 'cpu' | 'stream';
  /** CPU number for `kind: 'cpu'`, otherwise 0. */
  readonly cpu: number;
  /** Stream ID (PCI: the requester ID, bus << 8 | device << 3 | function) for `kind: 'stream'`, otherwise 0. */
  readonly streamId: number;
  readonly secure: boolean;
  readonly privileged: boolean;
}

/**
 * A device as the memory map sees it. It knows neither its base address nor a CPU.
 *
 * Reads return an unsigned integer that fits the size. An access that the device does not implement
 * reads as zero or is ignored (the device logs it); it never throws.
 */
export interface MmioDevice {
  read(offset: number, size: AccessSize, requester: Requester): number;
  write(offset: number, size: AccessSize, value: number, requester: Requester): void;
  /**
   * A single 8-byte access. A device without these gets two 4-byte accesses, the lower offset first.
   */
  read64?(offset: number, requester: Requester): bigint;
  write64?(offset: number, value: bigint, requester: Requester): void;
}

/** Where a device reports what a guest driver's author wants to know: unknown registers, wrong sizes. */
export interface DeviceLog {
  /** The guest did something that the device's manual does not allow. */
  guestError(message: string): void;
  /** The guest used something that the device's manual has and this model has not. */
  unimplemented(message: string): void;
}

/** Drops everything; the default where no log is injected. */
export const silentLog: DeviceLog = { guestError() {}, unimplemented() {} };
