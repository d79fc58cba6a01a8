/**
 * Base of every error that armemu throws on purpose: what was found, where, and what to do about it.
 * The command prints `message` and `remedy` and exits with 2; it never shows a stack trace for one.
 */
export class ArmemuError extends Error {
  /** What a person does about it: a command, an option, a setting. */
  readonly remedy: string | undefined;

  constructor(message: string, remedy?: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.remedy = remedy;
  }
}

/** An option of `createMachine` or of the command has a value that can't be used. */
export class OptionError extends ArmemuError {}

/** A guest image (ELF, firmware, device tree) can't be loaded. */
export class ImageError extends ArmemuError {}

/** Reading or writing a guest address that has no memory, through the library. */
export class GuestMemoryError extends ArmemuError {}

/** A PCI endpoint's description breaks a rule of PCI, or the endpoint does not fit the board's bus. */
export class EndpointError extends ArmemuError {}

/** The host or its PCI device is not ready for passthrough, or an operation on it failed. */
export class PassthroughError extends ArmemuError {}

/** `serial.expect` did not see its pattern in time. */
export class ExpectTimeoutError extends ArmemuError {}

/** A machine can't be saved, or a snapshot can't be restored. */
export class SnapshotError extends ArmemuError {}

/** A trace can't be written, or a file is none that can be shown. */
export class TraceError extends ArmemuError {}

/** An address as messages and listings write it: `0x40000000`. */
export function addressText(address: number): string {
  return `0x${address.toString(16).padStart(8, '0')}`;
}

/** The first and the last of `size` addresses, as memory maps are printed: `0x40000000-0x5fffffff`. */
export function rangeText(base: number, size: number): string {
  return `${addressText(base)}-${addressText(base + size - 1)}`;
}
