import type { Clock } from '../../ports/clock.ts';
import { type DiskBackend, SECTOR_BYTES } from '../../ports/disk.ts';
import {
  type BlockLimits,
  type BlockOperation,
  BlockStatus,
  HEADER_BYTES,
  parseRequest,
} from './block-request.ts';
import type { DescriptorChain } from './descriptor-chain.ts';
import { type VirtioDevice, VirtioDeviceId, type VirtioPort } from './virtio-device.ts';
import type { Virtqueue } from './virtqueue.ts';

/** Feature bits (Virtio 1.1 5.2.3). */
export const BlockFeature = {
  SEG_MAX: 1n << 2n,
  RO: 1n << 5n,
  BLK_SIZE: 1n << 6n,
  FLUSH: 1n << 9n,
  MQ: 1n << 12n,
  DISCARD: 1n << 13n,
  WRITE_ZEROES: 1n << 14n,
} as const;

/** Offsets in the configuration space (5.2.4). */
const Config = {
  capacity: 0,
  seg_max: 12,
  blk_size: 20,
  num_queues: 34,
  max_discard_sectors: 36,
  max_discard_seg: 40,
  discard_sector_alignment: 44,
  max_write_zeroes_sectors: 48,
  max_write_zeroes_seg: 52,
  write_zeroes_may_unmap: 56,
  LENGTH: 60,
} as const;

const QUEUE_SIZE = 256;
/** Header and status take two descriptors of a chain. */
const SEG_MAX = QUEUE_SIZE - 2;
/** What one DISCARD or WRITE_ZEROES may cover: 1 GiB, so that the host is never busy for long with one request. */
const MAX_ZEROED_SECTORS = 2 ** 21;
const DISCARD_ALIGNMENT = 8;

/**
 * Requests under way at once, over all queues; others stay in their rings. Together with the piece's size it bounds
 * the memory that a guest can make us take.
 */
const MAX_UNDER_WAY = 64;
/** A request is carried out in pieces of this many bytes. */
const PIECE_BYTES = 512 * 1024;
/** Virtual time that a piece takes with the counting clock. */
const LATENCY_NS = 100_000;

/** Length of the identification string (5.2.6, VIRTIO_BLK_T_GET_ID). */
export const SERIAL_BYTES = 20;

/** What a block device is made with. */
export interface VirtioBlockConfig {
  readonly disk: DiskBackend;
  readonly clock: Clock;
  /** What the guest reads as the disk's serial number: 20 bytes of ASCII at most. */
  readonly serial?: string;
  /** Number of queues, 1 (default) to 16. */
  readonly queues?: number;
  /** Told when the host can't do what the guest asked for, such as writing to a full disk. */
  readonly warn?: (message: string) => void;
}

/** A request that the driver has no answer to yet. */
interface RequestUnderWay {
  readonly queue: Virtqueue;
  readonly chain: DescriptorChain;
  readonly operation: BlockOperation;
  /** Bytes of a transfer that are done. */
  done: number;
  /** Virtual time at which the piece that is under way counts as done, with the counting clock. */
  deadlineNs: number;
}

/** Requests under way: a queue's number, the head of the chain, and how far it is. */
export type VirtioBlockState = {
  underWay: { queue: number; head: number; done: number; deadlineNs: number }[];
};

/** Block device (Virtio 1.1 5.2). */
export class VirtioBlock implements VirtioDevice {
  readonly name = 'virtio-blk';
  readonly deviceId = VirtioDeviceId.BLOCK;
  readonly features: bigint;
  readonly queueSizes: readonly number[];
  readonly config: Uint8Array;
  private readonly disk: DiskBackend;
  private readonly clock: Clock;
  private readonly serial = new Uint8Array(SERIAL_BYTES);
  private readonly warn: (message: string) => void;
  private readonly limits: BlockLimits;
  private readonly underWay = new Set<RequestUnderWay>();
  /** What the host has not finished; also of requests from before a reset. */
  private readonly hostWork = new Set<Promise<void>>();
  /** Restored requests, until the device starts. */
  private restored: VirtioBlockState['underWay'] = [];
  private port!: VirtioPort;
  /** Without FLUSH the driver can't ask for it, so every write goes through to the disk (5.2.6.2). */
  private writeThrough = false;
  private warned = false;

  constructor(config: VirtioBlockConfig) {
    const { disk, queues = 1 } = config;
    this.disk = disk;
    this.clock = config.clock;
    this.warn = config.warn ?? (() => {});
    this.limits = { size: disk.size, readOnly: disk.readOnly, maxZeroedSectors: MAX_ZEROED_SECTORS };
    this.serial.set(new TextEncoder().encode(config.serial ?? '').subarray(0, SERIAL_BYTES));
    this.queueSizes = new Array<number>(queues).fill(QUEUE_SIZE);
    const { BLK_SIZE, FLUSH, RO, MQ, DISCARD, WRITE_ZEROES } = BlockFeature;
    const always = BlockFeature.SEG_MAX | BLK_SIZE | FLUSH | (queues > 1 ? MQ : 0n);
    this.features = always | (disk.readOnly ? RO : DISCARD | WRITE_ZEROES);
    this.config = configSpace(disk, queues);
  }

  connect(port: VirtioPort): void {
    this.port = port;
  }

  start(features: bigint): void {
    this.writeThrough = (features & BlockFeature.FLUSH) === 0n;
    const restored = this.restored;
    this.restored = [];
    for (const { queue, head, done, deadlineNs } of restored) {
      const chain = this.port.queues[queue]?.chainAt(head);
      if (chain === undefined) return;
      this.begin(this.port.queues[queue], chain, done, Math.max(0, deadlineNs - this.clock.nowNs()));
    }
  }

  notify(queue: number): void {
    this.takeRequests(this.port.queues[queue]);
  }

  reset(): void {
    this.underWay.clear();
    this.restored = [];
  }

  async drain(): Promise<void> {
    while (this.hostWork.size > 0) await Promise.all(this.hostWork);
  }

  saveState(): VirtioBlockState {
    const underWay = [...this.underWay].map(({ queue, chain, done, deadlineNs }) => ({
      queue: queue.index,
      head: chain.head,
      done,
      deadlineNs,
    }));
    return { underWay: [...this.restored, ...underWay] };
  }

  /** A request under way is carried out again from its last piece on: its buffers are still the device's. */
  restoreState(state: VirtioBlockState): void {
    this.underWay.clear();
    this.restored = state.underWay.map((request) => ({ ...request }));
  }

  private takeRequests(queue: Virtqueue): void {
    // No more than the ring holds: refused requests are done at once, and a ring may lie in a buffer of its own.
    for (let i = 0; i < queue.state.size && this.underWay.size < MAX_UNDER_WAY; i++) {
      const chain = queue.pop();
      if (chain === undefined) return;
      this.begin(queue, chain, 0, LATENCY_NS);
    }
  }

  private begin(queue: Virtqueue, chain: DescriptorChain, done: number, latencyNs: number): void {
    const operation = parseRequest(chain, this.limits);
    if (operation === undefined) {
      this.port.fail('a request without header or status');
      return;
    }
    const request: RequestUnderWay = { queue, chain, operation, done, deadlineNs: 0 };
    this.underWay.add(request);
    this.step(request, latencyNs);
  }

  /** Starts the next piece of a request on the host. */
  private step(request: RequestUnderWay, latencyNs: number): void {
    const { chain, operation } = request;
    let piece = 0;
    let intoGuest: Uint8Array | undefined;
    let work: Promise<void>;
    switch (operation.kind) {
      case 'read': {
        piece = Math.min(PIECE_BYTES, operation.length - request.done);
        intoGuest = new Uint8Array(piece);
        work = this.disk.read(operation.offset + request.done, intoGuest);
        break;
      }
      case 'write': {
        piece = Math.min(PIECE_BYTES, operation.length - request.done);
        const fromGuest = new Uint8Array(piece);
        if (!chain.read(HEADER_BYTES + request.done, fromGuest)) return;
        work = this.through(this.disk.write(operation.offset + request.done, fromGuest));
        break;
      }
      case 'zeroes':
        work = this.through(this.disk.writeZeroes(operation.offset, operation.length, operation.mayUnmap));
        break;
      case 'discard':
        work = this.disk.discard(operation.offset, operation.length);
        break;
      case 'flush':
        work = this.disk.flush();
        break;
      case 'id': {
        const id = this.serial.subarray(0, Math.min(SERIAL_BYTES, chain.writableBytes - 1));
        if (chain.write(0, id)) this.finish(request, BlockStatus.OK, id.length);
        return;
      }
      case 'refused':
        this.finish(request, operation.status, 0);
        return;
    }
    let status: number = BlockStatus.OK;
    const settled = work.catch((error: unknown) => {
      status = BlockStatus.IOERR;
      this.failed(error);
    });
    this.hostWork.add(settled);
    settled.then(() => this.hostWork.delete(settled));
    request.deadlineNs = this.clock.nowNs() + latencyNs;
    this.clock.whenSettled(settled, latencyNs, () => this.stepDone(request, status, piece, intoGuest));
  }

  private stepDone(
    request: RequestUnderWay,
    status: number,
    piece: number,
    intoGuest: Uint8Array | undefined,
  ): void {
    const { queue, chain, operation } = request;
    // After a reset the buffers are the driver's again.
    if (!this.underWay.has(request)) return;
    if (!queue.isCurrent(chain)) {
      this.underWay.delete(request);
      return;
    }
    if (status === BlockStatus.OK) {
      if (intoGuest !== undefined && !chain.write(request.done, intoGuest)) return;
      request.done += piece;
      if ('length' in operation && piece > 0 && request.done < operation.length) {
        this.step(request, LATENCY_NS);
        return;
      }
    }
    this.finish(request, status, intoGuest === undefined ? 0 : request.done);
    // There is room now for requests that had to wait.
    for (const other of this.port.queues) this.takeRequests(other);
  }

  /** @param written bytes of data before the status byte */
  private finish(request: RequestUnderWay, status: number, written: number): void {
    const { queue, chain } = request;
    this.underWay.delete(request);
    const statusAt = chain.writableBytes - 1;
    if (!chain.write(statusAt, Uint8Array.of(status))) return;
    queue.push(chain, written === statusAt ? written + 1 : Math.max(written, 1));
    queue.signal();
    // Room for requests that had to wait.
    if (this.underWay.size === MAX_UNDER_WAY - 1)
      for (const other of this.port.queues) this.takeRequests(other);
  }

  private through(write: Promise<void>): Promise<void> {
    return this.writeThrough ? write.then(() => this.disk.flush()) : write;
  }

  /** Once: a full disk fails many requests. */
  private failed(error: unknown): void {
    if (this.warned) return;
    this.warned = true;
    const reason = error instanceof Error ? error.message : String(error);
    this.warn(`${this.disk.name}: ${reason}; the guest sees an I/O error`);
  }
}

function configSpace(disk: DiskBackend, queues: number): Uint8Array {
  const bytes = new Uint8Array(Config.LENGTH);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(Config.capacity, BigInt(Math.floor(disk.size / SECTOR_BYTES)), true);
  view.setUint32(Config.seg_max, SEG_MAX, true);
  view.setUint32(Config.blk_size, SECTOR_BYTES, true);
  view.setUint16(Config.num_queues, queues, true);
  if (!disk.readOnly) {
    view.setUint32(Config.max_discard_sectors, MAX_ZEROED_SECTORS, true);
    view.setUint32(Config.max_discard_seg, 1, true);
    view.setUint32(Config.discard_sector_alignment, DISCARD_ALIGNMENT, true);
    view.setUint32(Config.max_write_zeroes_sectors, MAX_ZEROED_SECTORS, true);
    view.setUint32(Config.max_write_zeroes_seg, 1, true);
    view.setUint8(Config.write_zeroes_may_unmap, 1);
  }
  return bytes;
}
