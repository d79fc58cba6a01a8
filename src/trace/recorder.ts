import type { StreamTarget } from '../iommu/stream.ts';
import type { BarTarget } from '../pci/bar-target.ts';
import type { BusDecorator, PinChanged, SendMessage } from '../pci/bus-decorator.ts';
import { formatBdf } from '../pci/registers.ts';
import type { DmaPort } from '../ports/dma.ts';
import type { MmioDevice, Requester } from '../ports/mmio.ts';
import type { ShadowMapping, ShadowObserver } from '../ports/shadow-observer.ts';
import { hex, type TraceCategory, type TraceEvent, type TraceHeader, type TraceRecord } from './events.ts';
import { SeenTranslations } from './seen-translations.ts';

/** What a recorder asks of its machine: the time. */
export interface TraceTime {
  /** Virtual nanoseconds. */
  nowNs(): number;
  instructions(): number;
}

/** The part of an event that says what happened; when, the recorder adds. */
type What<Event> = Event extends TraceEvent ? Omit<Event, 'ns' | 'instructions'> : never;

/** What one access of a bus master became behind the SMMU. */
interface Piece {
  readonly physical: number;
  readonly size: number;
  readonly done: boolean;
}

const PINS = ['INTA', 'INTB', 'INTC', 'INTD'] as const;
/** Function number in an offset into configuration space by ECAM (PCIe 3.0 7.2.2). */
const ECAM_FUNCTION = 0x1000;

/**
 * Makes records of what passes over a machine's PCI bus. It sits between the bus and its parts, and only where a category
 * is wanted; it changes nothing of what passes.
 */
export class TraceRecorder implements ShadowObserver {
  /** What the board is assembled with. */
  readonly decorator: BusDecorator & {
    translating?(target: StreamTarget): StreamTarget;
    translated?(target: StreamTarget): StreamTarget;
  };
  readonly categories: readonly TraceCategory[];
  private readonly sink: (record: TraceRecord) => void;
  private readonly time: TraceTime;
  private readonly seen = new SeenTranslations();
  /** Of the access that is under way, or was last. */
  private readonly pieces: Piece[] = [];
  /** What happened before the header could be written; undefined since. */
  private early: TraceEvent[] | undefined = [];

  constructor(categories: readonly TraceCategory[], sink: (record: TraceRecord) => void, time: TraceTime) {
    this.categories = categories;
    this.sink = sink;
    this.time = time;
    const of = (category: TraceCategory): boolean => categories.includes(category);
    this.decorator = {
      ...(of('config') && { ecam: (device) => this.tracedConfig(device) }),
      ...(of('mmio') && { barTarget: (bdf, target) => new TracedBar(this, formatBdf(bdf), target) }),
      ...(of('dma') && { dma: (bdf, port) => this.tracedDma(formatBdf(bdf), port) }),
      ...(of('irq') && {
        messages: (bdf, send) => this.tracedMessages(formatBdf(bdf), send),
        pins: (changed) => this.tracedPins(changed),
      }),
      ...((of('dma') || of('iommu')) && {
        translating: (target) => this.beforeTranslation(target),
        translated: (target) => this.afterTranslation(target),
      }),
    };
  }

  /** Begins the trace: the devices are plugged in. */
  begin(header: TraceHeader): void {
    const { sink, early = [] } = this;
    sink(header);
    this.early = undefined;
    for (const event of early) sink(event);
  }

  /** @internal Used by what this puts between parts. */
  record(what: What<TraceEvent>): void {
    const { time } = this;
    const event = { ns: time.nowNs(), instructions: time.instructions(), ...what } as TraceEvent;
    if (this.early === undefined) this.sink(event);
    else this.early.push(event);
  }

  /** The host's IOMMU lets devices reach this now. */
  mapped(mapping: ShadowMapping): void {
    this.mappingChanged('map', mapping);
  }

  /** The host's IOMMU no longer does. */
  unmapped(mapping: ShadowMapping): void {
    this.mappingChanged('unmap', mapping);
  }

  private mappingChanged(op: 'map' | 'unmap', { streams, iova, size, physical, read, write }: ShadowMapping) {
    if (!this.categories.includes('iommu') || !(read || write)) return;
    const rights = read && write ? 'rw' : read ? 'r' : 'w';
    for (const stream of streams) {
      this.record({
        category: 'iommu',
        device: formatBdf(stream),
        op,
        iova: hex(iova),
        size,
        physical: hex(physical),
        rights,
      });
    }
  }

  private tracedConfig(device: MmioDevice): MmioDevice {
    const record = (op: 'read' | 'write', offset: number, size: 1 | 2 | 4, value: number): void =>
      this.record({
        category: 'config',
        device: formatBdf(Math.floor(offset / ECAM_FUNCTION)),
        op,
        offset: hex(offset % ECAM_FUNCTION),
        size,
        value: hex(value),
      });
    return {
      read: (offset, size, requester) => {
        const value = device.read(offset, size, requester);
        record('read', offset, size, value);
        return value;
      },
      write: (offset, size, value, requester) => {
        record('write', offset, size, value);
        device.write(offset, size, value, requester);
      },
    };
  }

  private tracedPins(changed: PinChanged): PinChanged {
    return (fn, asserted) => {
      const pin = PINS[(fn.endpoint.description.interruptPin ?? 1) - 1];
      this.record({ category: 'irq', device: formatBdf(fn.bdf), op: asserted ? 'raise' : 'lower', pin });
      changed(fn, asserted);
    };
  }

  private tracedMessages(device: string, send: SendMessage): SendMessage {
    return (kind, vector, address, data) => {
      this.record({
        category: 'irq',
        device,
        op: kind,
        vector,
        address: hex(address),
        data: hex(data >>> 0),
      });
      send(kind, vector, address, data);
    };
  }

  private tracedDma(device: string, port: DmaPort): DmaPort {
    const transfer = (op: 'read' | 'write', address: number, bytes: Uint8Array): boolean => {
      this.pieces.length = 0;
      const done = port[op](address, bytes);
      const pieces = joined(this.pieces);
      this.record({
        category: 'dma',
        device,
        op,
        iova: busAddress(address),
        size: bytes.length,
        ...(pieces.length > 0 && { physical: hex(pieces[0].physical) }),
        ...(pieces.length > 1 && {
          pieces: pieces.map(({ physical, size }) => [hex(physical), size] as const),
        }),
        ...(done ? {} : { failed: true as const }),
      });
      return done;
    };
    return {
      read: (address, into) => transfer('read', address, into),
      write: (address, from) => transfer('write', address, from),
    };
  }

  private beforeTranslation(target: StreamTarget): StreamTarget {
    const transfer = (
      op: 'read' | 'write',
      address: number,
      bytes: Uint8Array,
      requester: Requester,
    ): boolean => {
      this.pieces.length = 0;
      const done = target[op](address, bytes, requester);
      if (this.categories.includes('iommu')) {
        this.translationSeen(formatBdf(requester.streamId), requester.streamId, op, address, bytes.length);
      }
      return done;
    };
    return {
      read: (address, into, requester) => transfer('read', address, into, requester),
      write: (address, from, requester) => transfer('write', address, from, requester),
    };
  }

  private afterTranslation(target: StreamTarget): StreamTarget {
    const transfer = (
      op: 'read' | 'write',
      physical: number,
      bytes: Uint8Array,
      requester: Requester,
    ): boolean => {
      const done = target[op](physical, bytes, requester);
      this.pieces.push({ physical, size: bytes.length, done });
      return done;
    };
    return {
      read: (address, into, requester) => transfer('read', address, into, requester),
      write: (address, from, requester) => transfer('write', address, from, requester),
    };
  }

  private translationSeen(
    device: string,
    streamId: number,
    op: 'read' | 'write',
    address: number,
    length: number,
  ): void {
    const rights = op === 'read' ? 'r' : 'w';
    let at = address;
    for (const { physical, size, done } of this.pieces) {
      for (const page of this.seen.add(streamId, at, physical, size, rights)) {
        this.record({
          category: 'iommu',
          device,
          op: 'translate',
          iova: hex(page.iova),
          size: page.size,
          physical: hex(page.physical),
          rights,
        });
      }
      at += size;
      // Translated, but there is no memory: no fault of the SMMU.
      if (!done) return;
    }
    const size = address + length - at;
    if (size > 0) this.record({ category: 'iommu', device, op: 'fault', iova: hex(at), size, rights });
  }
}

/** A BAR whose accesses are recorded. */
class TracedBar implements BarTarget {
  private readonly recorder: TraceRecorder;
  private readonly device: string;
  private readonly target: BarTarget;

  constructor(recorder: TraceRecorder, device: string, target: BarTarget) {
    this.recorder = recorder;
    this.device = device;
    this.target = target;
  }

  readBar(bar: number, offset: number, size: 1 | 2 | 4, requester: Requester): number {
    const value = this.target.readBar(bar, offset, size, requester);
    this.record('read', bar, offset, size, value);
    return value;
  }

  // Before the access: what the device does at once comes after it.
  writeBar(bar: number, offset: number, size: 1 | 2 | 4, value: number, requester: Requester): void {
    this.record('write', bar, offset, size, value);
    this.target.writeBar(bar, offset, size, value, requester);
  }

  readBar64(bar: number, offset: number, requester: Requester): bigint {
    const value = this.target.readBar64(bar, offset, requester);
    this.record('read', bar, offset, 8, value);
    return value;
  }

  writeBar64(bar: number, offset: number, value: bigint, requester: Requester): void {
    this.record('write', bar, offset, 8, value);
    this.target.writeBar64(bar, offset, value, requester);
  }

  private record(
    op: 'read' | 'write',
    bar: number,
    offset: number,
    size: 1 | 2 | 4 | 8,
    value: number | bigint,
  ): void {
    const { device } = this;
    this.recorder.record({ category: 'mmio', device, op, bar, offset: hex(offset), size, value: hex(value) });
  }
}

/** An endpoint computes addresses from what a guest wrote: it may ask for what is none. */
function busAddress(address: number): `0x${string}` {
  return hex(Number.isSafeInteger(address) && address >= 0 ? address : Number.MAX_SAFE_INTEGER);
}

/** Pieces that follow on each other are one. */
function joined(pieces: readonly Piece[]): { physical: number; size: number }[] {
  const joined: { physical: number; size: number }[] = [];
  for (const { physical, size } of pieces) {
    const last = joined.at(-1);
    if (last !== undefined && last.physical + last.size === physical) last.size += size;
    else joined.push({ physical, size });
  }
  return joined;
}
