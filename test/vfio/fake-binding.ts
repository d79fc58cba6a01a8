import type {
  InterruptPump,
  NativeError,
  RegionMapping,
  VfioBinding,
} from '../../src/vfio/native-binding.ts';
import * as abi from '../../src/vfio/vfio-abi.ts';

/** The error that the addon throws. */
export function nativeError(operation: string, code: string, path = 'fake'): NativeError {
  return Object.assign(new Error(`${operation} on ${path}: (${code})`), { operation, path, errno: 1, code });
}

/** A PCI device behind the fake kernel. */
export interface FakeDeviceModel {
  readonly config: Uint8Array;
  /** Bytes of BAR 0 to 5; undefined: no BAR. */
  readonly bars: readonly (Uint8Array | undefined)[];
  /** BARs that may be mapped, whole or in part. */
  readonly mappable?: Readonly<Record<number, readonly { offset: number; size: number }[]>>;
  /** Counts by index of VFIO_PCI_*_IRQ_INDEX. */
  readonly irqs?: readonly number[];
  readonly noResize?: boolean;
  readonly resettable?: boolean;
  /** Vectors that the host gives at most. */
  readonly vectorLimit?: number;
  readonly hotResetScope?: readonly { group: number; segment: number; bus: number; devfn: number }[];
}

const REGION_STRIDE = 2 ** 40;

/** Type 1 IOMMU info with one IOVA range capability, as the kernel lays it out. */
export function iommuInfoBytes(
  ranges: readonly (readonly [bigint, bigint])[],
  pageSizes = 0x1000n,
): Uint8Array {
  const bytes = new Uint8Array(24 + 16 + 16 * ranges.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint32(4, abi.IOMMU_INFO_PGSIZES | abi.IOMMU_INFO_CAPS, true);
  view.setBigUint64(8, pageSizes, true);
  view.setUint32(16, 24, true);
  view.setUint16(24, abi.IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, true);
  view.setUint32(32, ranges.length, true);
  for (const [i, [start, end]] of ranges.entries()) {
    view.setBigUint64(40 + 16 * i, start, true);
    view.setBigUint64(48 + 16 * i, end, true);
  }
  return bytes;
}

/** A kernel with VFIO in memory: records every call, in the order in which the kernel would see it. */
export class FakeBinding implements VfioBinding {
  /** Calls so far, as `name(arguments)`; accesses to regions are in `accesses`. */
  readonly calls: string[] = [];
  readonly accesses: string[] = [];
  /** What each descriptor stands for; empty when everything was closed. */
  readonly open_ = new Map<number, string>();
  /** Operations that fail, with their errno's name. */
  readonly failing = new Map<string, string>();
  /** Eventfds connected now, by interrupt index and vector. */
  readonly connected = new Map<string, number>();
  readonly mappings: { bar: number; closed: boolean }[] = [];
  iommuInfo = iommuInfoBytes([[0n, 0xffff_ffff_ffffn]]);
  viable = true;
  apiVersion = 0;
  hasType1 = true;
  pumps = 0;
  private readonly devices: Readonly<Record<string, FakeDeviceModel>>;
  private readonly sources = new Map<
    number,
    { eventfd: number; word: Int32Array; index: number; bits: number }
  >();
  private nextDescriptor = 100;
  private nextSource = 1;

  constructor(devices: Readonly<Record<string, FakeDeviceModel>>) {
    this.devices = devices;
  }

  /** The device signals an interrupt: VFIO writes the eventfd, the thread sets the word. @returns false when unconnected */
  signal(index: number, vector = 0): boolean {
    const eventfd = this.connected.get(`${index}:${vector}`);
    for (const source of this.sources.values()) {
      if (source.eventfd !== eventfd) continue;
      Atomics.or(source.word, source.index, source.bits);
      return true;
    }
    return false;
  }

  /** Descriptors that are still open, by what they stand for. */
  get leaks(): string[] {
    return [
      ...this.open_.values(),
      ...this.mappings.filter((mapping) => !mapping.closed).map(({ bar }) => `BAR ${bar}`),
    ];
  }

  readonly open = (path: string): number => this.step('open', [path], () => this.descriptor(path));
  readonly close = (descriptor: number): void =>
    this.step('close', [this.open_.get(descriptor) ?? `unknown ${descriptor}`], () => {
      if (!this.open_.delete(descriptor)) throw nativeError('close', 'EBADF');
    });

  readonly readBuffer = (): void => {
    throw new Error('not used');
  };
  readonly writeBuffer = (): void => {
    throw new Error('not used');
  };

  readonly readValue = ((descriptor: number, offset: number, size: 1 | 2 | 4 | 8): number | bigint => {
    const { view, name, at } = this.place(descriptor, offset);
    this.accesses.push(`read ${name}+0x${at.toString(16)} ${size}`);
    if (this.failing.has('pread')) throw nativeError('pread', this.failing.get('pread') ?? '');
    if (size === 8) return view.getBigUint64(at, true);
    return size === 4 ? view.getUint32(at, true) : size === 2 ? view.getUint16(at, true) : view.getUint8(at);
  }) as VfioBinding['readValue'];

  readonly writeValue = (
    descriptor: number,
    offset: number,
    size: 1 | 2 | 4 | 8,
    value: number | bigint,
  ): void => {
    const { view, name, at } = this.place(descriptor, offset);
    this.accesses.push(`write ${name}+0x${at.toString(16)} ${size} 0x${value.toString(16)}`);
    if (this.failing.has('pwrite')) throw nativeError('pwrite', this.failing.get('pwrite') ?? '');
    if (name === 'config') this.calls.push(`config[0x${at.toString(16)}]=0x${value.toString(16)}`);
    if (size === 8) view.setBigUint64(at, BigInt(value), true);
    else if (size === 4) view.setUint32(at, Number(value), true);
    else if (size === 2) view.setUint16(at, Number(value), true);
    else view.setUint8(at, Number(value));
  };

  readonly eventfdCreate = (description: string): number => this.descriptor(`eventfd ${description}`);
  readonly eventfdWrite = (): void => {};
  readonly keepFromChildren = (bytes: Uint8Array): void =>
    this.step('keepFromChildren', [bytes.length], () => {});

  readonly containerApiVersion = (): number => this.step('containerApiVersion', [], () => this.apiVersion);
  readonly containerCheckExtension = (_container: number, extension: number): number =>
    this.step('containerCheckExtension', [extension], () => (this.hasType1 ? 1 : 0));
  readonly containerSetIommu = (_container: number, type: number): void =>
    this.step('containerSetIommu', [type], () => {});
  readonly containerIommuInfo = (): Uint8Array => this.step('containerIommuInfo', [], () => this.iommuInfo);
  readonly containerMapDma = (
    _container: number,
    bytes: Uint8Array,
    iova: number | bigint,
    flags: number,
  ): void => this.step('containerMapDma', [`0x${iova.toString(16)}`, bytes.length, flags], () => {});
  readonly containerUnmapDma = (_container: number, iova: number | bigint, size: number | bigint): number =>
    this.step('containerUnmapDma', [`0x${iova.toString(16)}`, size], () => Number(size));
  readonly containerUnmapAll = (): number => this.step('containerUnmapAll', [], () => 0);

  readonly groupStatus = (): number => this.step('groupStatus', [], () => (this.viable ? 1 : 0));
  readonly groupSetContainer = (): void => this.step('groupSetContainer', [], () => {});
  readonly groupUnsetContainer = (): void => this.step('groupUnsetContainer', [], () => {});
  readonly groupDevice = (_group: number, address: string): number =>
    this.step('groupDevice', [address], () => this.descriptor(`device ${address}`));

  readonly deviceInfo = (device: number): { flags: number; regions: number; irqs: number } =>
    this.step('deviceInfo', [], () => ({
      flags: abi.DEVICE_FLAGS_PCI | (this.model(device).resettable === false ? 0 : abi.DEVICE_FLAGS_RESET),
      regions: 9,
      irqs: 5,
    }));

  readonly deviceRegionInfo = (device: number, index: number): Uint8Array => {
    const model = this.model(device);
    const contents = index === abi.PCI_CONFIG_REGION_INDEX ? model.config : model.bars[index];
    const areas = model.mappable?.[index];
    const bytes = new Uint8Array(32 + (areas ? 16 + 16 * areas.length : 0));
    const view = new DataView(bytes.buffer);
    view.setUint32(0, bytes.length, true);
    const mmap = areas ? abi.REGION_INFO_FLAG_MMAP | abi.REGION_INFO_FLAG_CAPS : 0;
    view.setUint32(4, abi.REGION_INFO_FLAG_READ | abi.REGION_INFO_FLAG_WRITE | mmap, true);
    view.setUint32(8, index, true);
    view.setBigUint64(16, BigInt(contents?.length ?? 0), true);
    view.setBigUint64(24, BigInt(index * REGION_STRIDE), true);
    if (areas) {
      view.setUint32(12, 32, true);
      view.setUint16(32, abi.REGION_INFO_CAP_SPARSE_MMAP, true);
      view.setUint32(40, areas.length, true);
      for (const [i, { offset, size }] of areas.entries()) {
        view.setBigUint64(48 + 16 * i, BigInt(offset), true);
        view.setBigUint64(56 + 16 * i, BigInt(size), true);
      }
    }
    return bytes;
  };

  readonly deviceIrqInfo = (device: number, index: number): { flags: number; count: number } => {
    const { irqs = [1, 0, 0, 0, 1], noResize = true } = this.model(device);
    if (index === abi.PCI_ERR_IRQ_INDEX && irqs[index] === 0)
      throw nativeError('VFIO_DEVICE_GET_IRQ_INFO', 'EINVAL');
    return { flags: abi.IRQ_INFO_EVENTFD | (noResize ? abi.IRQ_INFO_NORESIZE : 0), count: irqs[index] };
  };

  readonly deviceSetIrqs = (
    device: number,
    index: number,
    start: number,
    count: number,
    flags: number,
    data: Int32Array | Uint8Array | null,
  ): number => {
    const what =
      flags & abi.IRQ_SET_ACTION_UNMASK
        ? 'unmask'
        : data === null
          ? 'off'
          : [...data].map((eventfd) => (eventfd < 0 ? '-' : 'E')).join('');
    return this.step('deviceSetIrqs', [index, start, count, what], () => {
      const limit = this.model(device).vectorLimit ?? 2048;
      if (index !== 0 && count > limit) return limit;
      if (data === null && count === 0)
        for (const key of this.connected.keys()) if (key.startsWith(`${index}:`)) this.connected.delete(key);
      for (const [i, eventfd] of [...(data ?? [])].entries())
        if (eventfd >= 0) this.connected.set(`${index}:${start + i}`, eventfd);
      return 0;
    });
  };

  readonly deviceReset = (): void => this.step('deviceReset', [], () => {});
  readonly devicePciHotResetInfo = (
    device: number,
  ): readonly { group: number; segment: number; bus: number; devfn: number }[] =>
    this.step('devicePciHotResetInfo', [], () => this.model(device).hotResetScope ?? []);
  readonly devicePciHotReset = (_device: number, groups: Int32Array): void =>
    this.step('devicePciHotReset', [groups.length], () => {});

  readonly mapRegion = (device: number, offset: number, length: number): RegionMapping =>
    this.step('mapRegion', [Math.floor(offset / REGION_STRIDE), offset % REGION_STRIDE, length], () => {
      const bar = Math.floor(offset / REGION_STRIDE);
      const contents = this.model(device).bars[bar] ?? new Uint8Array(0);
      const record = { bar, closed: false };
      this.mappings.push(record);
      const view = new DataView(contents.buffer, contents.byteOffset + (offset % REGION_STRIDE));
      const noted = <R>(text: string, at: number, action: () => R): R => {
        this.accesses.push(`mapped ${text} +0x${at.toString(16)}`);
        return action();
      };
      return {
        read8: (at) => noted('read8', at, () => view.getUint8(at)),
        read16: (at) => noted('read16', at, () => view.getUint16(at, true)),
        read32: (at) => noted('read32', at, () => view.getUint32(at, true)),
        read64: (at) => noted('read64', at, () => view.getBigUint64(at, true)),
        write8: (at, value) => noted('write8', at, () => view.setUint8(at, value)),
        write16: (at, value) => noted('write16', at, () => view.setUint16(at, value, true)),
        write32: (at, value) => noted('write32', at, () => view.setUint32(at, value, true)),
        write64: (at, value) => noted('write64', at, () => view.setBigUint64(at, value, true)),
        mapDma: (_container, at, length, iova, flags) => {
          if (record.closed) throw new RangeError('the mapping is closed');
          const place = offset + at - bar * REGION_STRIDE;
          this.step(
            'mapDma',
            [`BAR ${bar}+0x${place.toString(16)}`, length, `0x${iova.toString(16)}`, flags],
            () => {},
          );
        },
        faults: () => 0,
        close: () => {
          record.closed = true;
        },
      };
    });

  readonly InterruptPump = this.makePumpClass();

  private makePumpClass(): VfioBinding['InterruptPump'] {
    const binding = this;
    return class implements InterruptPump {
      private readonly memory: Uint8Array;

      constructor(memory: Uint8Array) {
        this.memory = memory;
        binding.pumps++;
      }

      add(eventfd: number, wordOffset: number, bits: number): number {
        const word = new Int32Array(this.memory.buffer);
        const id = binding.nextSource++;
        binding.sources.set(id, { eventfd, word, index: wordOffset / 4, bits });
        return id;
      }

      remove(id: number): void {
        binding.sources.delete(id);
      }

      close(): void {
        binding.pumps--;
      }

      ref(): void {}
      unref(): void {}
    };
  }

  private step<T>(name: string, args: readonly (string | number | bigint)[], action: () => T): T {
    this.calls.push(`${name}(${args.join(', ')})`);
    const code = this.failing.get(`${name}(${args.join(', ')})`) ?? this.failing.get(name);
    if (code !== undefined) throw nativeError(name, code);
    return action();
  }

  private descriptor(name: string): number {
    this.open_.set(this.nextDescriptor, name);
    return this.nextDescriptor++;
  }

  private model(device: number): FakeDeviceModel {
    return this.devices[(this.open_.get(device) ?? '').replace('device ', '')];
  }

  private place(descriptor: number, offset: number): { view: DataView; name: string; at: number } {
    const model = this.model(descriptor);
    const index = Math.floor(offset / REGION_STRIDE);
    const isConfig = index === abi.PCI_CONFIG_REGION_INDEX;
    const bytes = isConfig ? model.config : (model.bars[index] ?? new Uint8Array(0));
    return {
      view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      name: isConfig ? 'config' : `bar${index}`,
      at: offset % REGION_STRIDE,
    };
  }
}
