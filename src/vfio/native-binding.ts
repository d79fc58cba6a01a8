import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PassthroughError } from '../errors.ts';

/** An error of the addon: which operation failed, on what, and how. */
export interface NativeError extends Error {
  /** The system call or ioctl, in the kernel's spelling. */
  readonly operation: string;
  /** The file, or what the descriptor stands for. */
  readonly path: string;
  readonly errno: number;
  /** `EPERM`, `EBUSY`, ... */
  readonly code: string;
}

export function isNativeError(error: unknown): error is NativeError {
  return error instanceof Error && 'operation' in error && 'errno' in error && 'code' in error;
}

/**
 * A part of a BAR mapped into the process. Offsets are bytes from its start, aligned to the access; another one is a
 * RangeError. Each call is one access of exactly that width. While the device does not answer (decoding off, D3,
 * reset, removed) reads give all ones and writes are dropped.
 */
export interface RegionMapping {
  read8(offset: number): number;
  read16(offset: number): number;
  read32(offset: number): number;
  read64(offset: number): bigint;
  write8(offset: number, value: number): void;
  write16(offset: number, value: number): void;
  write32(offset: number, value: number): void;
  write64(offset: number, value: bigint): void;
  /** VFIO_IOMMU_MAP_DMA of a part of it, whole pages: the devices of a container reach it at `iova`. */
  mapDma(container: number, offset: number, length: number, iova: number | bigint, flags: number): void;
  /** Accesses so far that the device did not answer. */
  faults(): number;
  close(): void;
}

/** The thread that turns eventfds into bits of shared memory. */
export interface InterruptPump {
  /** From now on a signal on `eventfd` ORs `bits` into the 32-bit word at `wordOffset`. @returns an id for `remove` */
  add(eventfd: number, wordOffset: number, bits: number): number;
  /** When it returns, the thread does not touch the source's word any more. */
  remove(id: number): void;
  /** Joins the thread. */
  close(): void;
  /** Whether the open pump keeps Node's event loop alive: it does until `unref`. */
  ref(): void;
  unref(): void;
}

/** The addon (`native/`): one function for each ioctl of `linux/vfio.h`. Descriptors are plain numbers. */
export interface VfioBinding {
  open(path: string): number;
  close(descriptor: number): void;
  readBuffer(descriptor: number, offset: number, into: Uint8Array): void;
  writeBuffer(descriptor: number, offset: number, from: Uint8Array): void;
  readValue(descriptor: number, offset: number, size: 1 | 2 | 4): number;
  readValue(descriptor: number, offset: number, size: 8): bigint;
  writeValue(descriptor: number, offset: number, size: 1 | 2 | 4 | 8, value: number | bigint): void;
  eventfdCreate(description: string): number;
  eventfdWrite(descriptor: number): void;
  keepFromChildren(bytes: Uint8Array): void;

  containerApiVersion(container: number): number;
  containerCheckExtension(container: number, extension: number): number;
  containerSetIommu(container: number, type: number): void;
  /** `struct vfio_iommu_type1_info` and its capability chain. */
  containerIommuInfo(container: number): Uint8Array;
  containerMapDma(container: number, bytes: Uint8Array, iova: number | bigint, flags: number): void;
  /** @returns the bytes unmapped */
  containerUnmapDma(container: number, iova: number | bigint, size: number | bigint): number;
  containerUnmapAll(container: number): number;

  groupStatus(group: number): number;
  groupSetContainer(group: number, container: number): void;
  groupUnsetContainer(group: number): void;
  groupDevice(group: number, address: string): number;

  deviceInfo(device: number): { readonly flags: number; readonly regions: number; readonly irqs: number };
  /** `struct vfio_region_info` and its capability chain. */
  deviceRegionInfo(device: number, index: number): Uint8Array;
  deviceIrqInfo(device: number, index: number): { readonly flags: number; readonly count: number };
  /** @returns 0, or the number of vectors that the host could give when it can't give `count` */
  deviceSetIrqs(
    device: number,
    index: number,
    start: number,
    count: number,
    flags: number,
    data: Int32Array | Uint8Array | null,
  ): number;
  deviceReset(device: number): void;
  devicePciHotResetInfo(device: number): readonly {
    readonly group: number;
    readonly segment: number;
    readonly bus: number;
    readonly devfn: number;
  }[];
  devicePciHotReset(device: number, groups: Int32Array): void;

  mapRegion(device: number, offset: number, length: number, flags: number): RegionMapping;
  readonly InterruptPump: new (
    memory: Uint8Array,
    eventWordOffset: number,
    sleepingWordOffset: number,
    wake: () => void,
  ) => InterruptPump;
}

let loaded: VfioBinding | undefined;

/** Finds `native/build` from `src/vfio` as well as from `dist/vfio`. */
function addonPath(): string {
  const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
  return process.env.ARMEMU_VFIO_ADDON ?? join(root, 'native', 'build', 'armemu_vfio.node');
}

/**
 * Loads the addon, once. The environment variable ARMEMU_VFIO_ADDON names another build of it (AddressSanitizer).
 * @throws PassthroughError when it has not been built or does not load
 */
export function loadBinding(path: string = addonPath()): VfioBinding {
  if (loaded) return loaded;
  const buildIt =
    'Build it with: npm run build:native  (it needs a C++ compiler, on Debian: apt-get install g++)';
  if (process.platform !== 'linux')
    throw new PassthroughError(
      `PCI passthrough needs Linux and its VFIO driver; this is ${process.platform}.`,
      'Run armemu on a Linux host, or leave --vfio away.',
    );
  if (!existsSync(path))
    throw new PassthroughError(`The VFIO addon is not built: ${path} does not exist.`, buildIt);
  try {
    // A Node-API addon has no types of its own; VfioBinding is its contract, proved by test/native.
    loaded = createRequire(import.meta.url)(path) as VfioBinding;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PassthroughError(`The VFIO addon does not load: ${reason}`, buildIt, { cause });
  }
  return loaded;
}
