import type { BarPages, HostMappings } from '../ports/host-mappings.ts';
import type { PciEndpoint } from './endpoint.ts';

/**
 * 32-bit words of shared memory that a machine gives to each host-attached endpoint for what its native thread
 * reports: one for the device's own conditions, 64 for its interrupt vectors (one bit each, MSI-X has up to 2048).
 */
export const hostPendingWordCount = 65;

/** What a machine gives to an endpoint that stands for a device of the host. All offsets are byte offsets into `memory`. */
export interface EndpointHost {
  /** The one `WebAssembly.Memory` that holds guest RAM and the words below; shared, and never moved or grown. */
  readonly memory: { readonly buffer: ArrayBufferLike };
  /** Where guest RAM starts in `memory`: a multiple of 4 KiB. */
  readonly ramOffset: number;
  /** Guest physical address of the start of RAM. */
  readonly ramBase: number;
  /** Bytes of RAM: a multiple of 4 KiB. */
  readonly ramSize: number;
  /** The board's window for memory BARs, in guest physical addresses. */
  readonly mmioWindow: { readonly base: number; readonly size: number };
  /** A native thread stores 1 here when a pending word of any endpoint changed: the CPU thread then calls `service()` of all. */
  readonly eventWordOffset: number;
  /** The machine holds a nonzero value here while it sleeps in the event loop; only then does the thread call `wake`. */
  readonly sleepingWordOffset: number;
  /** First pending word of this endpoint, and how many there are: `hostPendingWordCount`. */
  readonly pendingWordsOffset: number;
  readonly pendingWordCount: number;
  /**
   * An emulated IOMMU stands before the device: `prepare` leaves its DMA with nothing to reach, and the machine maps RAM through
   * {@link HostDma} then. Absent: `prepare` maps all of RAM at the guest's physical addresses.
   */
  readonly behindIommu?: boolean;
  /** Called before each access of the guest that the device sees: what it may reach by then is made so. */
  beforeAccess?(): void;
  /** Called before the guest switches the device's bus mastering on, and after it has switched it off. */
  busMasterChanged?(on: boolean): void;
  /** Called when `barPages` has changed: before the device stops to answer there, and after it has begun to. */
  barsChanged?(): void;
  /** Called on the event loop when a device asked for attention while the machine slept. */
  wake(): void;
  warn(message: string): void;
  /**
   * The device is gone for good: it failed, or the host wants it back. The endpoint has already been reset and closed,
   * and reads as all ones. Without this function `warn` gets the message.
   */
  deviceLost?(reason: 'error' | 'removal', message: string): void;
}

/** The DMA of a device of the host behind an emulated IOMMU. */
export interface HostDma {
  /** What it reaches: one object for all devices that the host can't tell apart. */
  readonly mappings: HostMappings;
  /** Takes bus mastering from the device for as long as it is open, whatever the guest does. */
  stop(): void;
}

/**
 * An endpoint that stands for a device of the host. The machine calls `prepare` once, before it reads `description` or
 * attaches the endpoint to the bus, and `close` once at its end, also when `prepare` of another endpoint failed.
 */
export interface HostAttachedEndpoint extends PciEndpoint {
  /** From `prepare` with `behindIommu` to `close`; absent in an endpoint that can't be behind an emulated IOMMU. */
  readonly hostDma?: HostDma | undefined;
  /**
   * Parts of a memory BAR that the device answers at present and that other devices of the host may be given, ascending, by BAR
   * number. Absent: none.
   */
  barPages?(bar: number): readonly BarPages[];
  /**
   * Takes the device, maps guest RAM for its DMA and reads its description.
   * @throws PassthroughError with the fact found and its remedy; nothing is left open or mapped then.
   */
  prepare(host: EndpointHost): Promise<void>;
  /** Delivers what the native thread reported since the last call. Runs on the CPU thread, between guest instructions. */
  service(): void;
  /** Resets the device and gives it back to the host. Does nothing when it is not open. */
  close(): Promise<void>;
}

/** Tells a host-attached endpoint from a software one. */
export function isHostAttached(endpoint: PciEndpoint): endpoint is HostAttachedEndpoint {
  return 'prepare' in endpoint && 'service' in endpoint && 'close' in endpoint;
}
