import { TraceError } from '../errors.ts';
import {
  TRACE_FORMAT,
  TRACE_VERSION,
  type TraceDevice,
  type TraceEvent,
  type TraceHeader,
  type TraceRecord,
} from './events.ts';
import { NumberColumn } from './number-column.ts';
import {
  COLUMN_NAMES,
  type ColumnName,
  EVENT_KINDS,
  type PageInfo,
  type PageMachine,
  type PagePlace,
  RowFlag,
} from './page-data.ts';
import { RegisterNames } from './register-names.ts';

/** A page with more would be too much for browsers. */
const MAX_EVENTS = 4_000_000;

const KIND_NUMBERS = new Map(EVENT_KINDS.map(([category, op], number) => [`${category} ${op}`, number]));
const TAKE_A_PART =
  'trace fewer categories, or show a part: (head -n 1 FILE; tail -n 1000000 FILE) > PART; armemu trace PART';
/** Characters of a line that is none of a trace, as far as a message shows them. */
const SHOWN = 60;

/** Takes a trace line by line and makes columns of it. */
export class TraceReader {
  private readonly columns = new Map<ColumnName, NumberColumn>(
    COLUMN_NAMES.map((name) => [name, new NumberColumn()]),
  );
  readonly machines: PageMachine[] = [];
  /** Of all machines; those that are alike once. */
  readonly devices: TraceDevice[] = [];
  /** Events of each device by category and operation. */
  readonly counts = new Map<number, Map<string, number>>();
  private readonly names: RegisterNames[] = [];
  private readonly deviceNumbers = new Map<string, number>();
  private readonly places: PagePlace[] = [{ space: '', name: '' }];
  private readonly placeNumbers = new Map<string, number>([['\0', 0]]);
  private readonly where: string;
  private line = 0;
  private read = 0;
  private firstNs: number | undefined;
  private lastNs = 0;
  private startNs = 0;

  /** @param where the file's name, for messages */
  constructor(where: string) {
    this.where = where;
  }

  get events(): number {
    return this.read;
  }

  /** From the first to the last event. */
  get durationNs(): number {
    return this.lastNs - (this.firstNs ?? 0);
  }

  /**
   * @param text a line without its end
   * @throws TraceError when it is not one of a trace that can be shown
   */
  add(text: string): void {
    this.line++;
    const record = this.parse(text);
    if ('format' in record) this.addHeader(record);
    else this.addEvent(record);
  }

  /**
   * @param title for the page
   * @returns what the page needs to know, and all columns one after the other
   * @throws TraceError when there was nothing
   */
  finish(title: string): { info: PageInfo; columns: readonly Uint8Array<ArrayBuffer>[] } {
    if (this.line === 0)
      throw new TraceError(
        `${this.where} is empty`,
        'its run has written nothing yet, or was killed in its first second; make one: armemu run --trace all=FILE',
      );
    if (this.events === 0) {
      throw new TraceError(
        `${this.where} has no event of ${this.machines[0].categories.join(', ')}`,
        'trace more categories: --trace all',
      );
    }
    const columns = COLUMN_NAMES.map((name) => this.column(name).packed());
    const { events, machines, devices, places } = this;
    const columnBytes = columns.map(({ length }) => length);
    return { info: { title, events, machines, devices, places, columnBytes }, columns };
  }

  private parse(text: string): TraceRecord {
    let record: unknown;
    try {
      record = JSON.parse(text);
    } catch {
      throw this.line === 1 ? this.notATrace(text) : this.cutShort(text);
    }
    if (typeof record !== 'object' || record === null) throw this.notATrace(text);
    const { format, version } = record as Partial<TraceHeader>;
    if (format !== undefined || this.line === 1) {
      if (format !== TRACE_FORMAT) throw this.notATrace(text);
      if (version !== TRACE_VERSION) {
        throw new TraceError(
          `${this.where} is a trace of version ${String(version)}, and this armemu shows version ${TRACE_VERSION}`,
          'take the armemu that wrote it',
        );
      }
      if (!isHeader(record as TraceHeader)) throw this.damaged(text);
    }
    return record as TraceRecord;
  }

  private addHeader({ machine, categories, iommu, devices }: TraceHeader): void {
    this.startNs = this.lastNs;
    this.machines.push({ machine, categories, iommu, startNs: this.startNs, startRow: this.read });
    this.deviceNumbers.clear();
    for (const device of devices) {
      const text = JSON.stringify(device);
      let number = this.devices.findIndex((known) => JSON.stringify(known) === text);
      if (number < 0) number = this.addDevice(device);
      this.deviceNumbers.set(device.address, number);
    }
  }

  private addDevice(device: TraceDevice): number {
    this.names.push(new RegisterNames(device));
    return this.devices.push(device) - 1;
  }

  private addEvent(event: TraceEvent): void {
    const kind = KIND_NUMBERS.get(`${event.category} ${event.op}`);
    if (kind === undefined || !isTimed(event)) throw this.damaged(JSON.stringify(event));
    if (++this.read > MAX_EVENTS) {
      throw new TraceError(
        `${this.where} has more than ${MAX_EVENTS} events, too many for a page`,
        TAKE_A_PART,
      );
    }
    this.lastNs = this.startNs + event.ns;
    this.firstNs ??= this.lastNs;
    const device = this.deviceOf(event.device);
    this.count(device, `${event.category} ${event.op}`);
    const { place, address, size, value, physical, flags } = this.fieldsOf(event, device);
    const whole = [address, size, physical ?? 0].every((n) => Number.isSafeInteger(n) && n >= 0);
    if (!whole) throw this.damaged(JSON.stringify(event));
    this.push('time', this.lastNs);
    this.push('instructions', event.instructions);
    this.push('kind', kind);
    this.push('device', device);
    this.push('place', place);
    this.push('address', address);
    this.push('size', size);
    this.push('valueLow', Number(BigInt.asUintN(32, value ?? 0n)));
    this.push('valueHigh', Number(BigInt.asUintN(32, (value ?? 0n) >> 32n)));
    this.push('physical', physical ?? 0);
    this.push(
      'flags',
      flags |
        (value === undefined ? 0 : RowFlag.HAS_VALUE) |
        (physical === undefined ? 0 : RowFlag.HAS_PHYSICAL) |
        (event.category === 'irq' && !('address' in event) ? 0 : RowFlag.HAS_ADDRESS),
    );
  }

  private fieldsOf(
    event: TraceEvent,
    device: number,
  ): { place: number; address: number; size: number; value?: bigint; physical?: number; flags: number } {
    switch (event.category) {
      case 'mmio': {
        const { bar, size } = event;
        const [offset, value] = [Number(event.offset), this.bits(event.value)];
        const names = this.names[device];
        const place = this.placeOf(`BAR${bar}`, names.inBar(bar, offset, size));
        if (event.op === 'read') names.wasRead(bar, offset, size, value);
        return { place, address: offset, size, value, flags: 0 };
      }
      case 'config': {
        const [offset, { size }] = [Number(event.offset), event];
        const place = this.placeOf('config', this.names[device].inConfig(offset, size));
        return { place, address: offset, size, value: this.bits(event.value), flags: 0 };
      }
      case 'irq': {
        if (!('vector' in event))
          return { place: this.placeOf('', String(event.pin)), address: 0, size: 0, flags: 0 };
        const place = this.placeOf('', `vector ${event.vector}`);
        return { place, address: Number(event.address), size: 4, value: this.bits(event.data), flags: 0 };
      }
      case 'dma': {
        const { iova, size, physical, failed } = event;
        const flags = failed === true ? RowFlag.FAILED : 0;
        return {
          place: 0,
          address: Number(iova),
          size,
          flags,
          ...(physical !== undefined && { physical: Number(physical) }),
        };
      }
      default: {
        const { iova, size } = event;
        const { rights } = event;
        if (!['r', 'w', 'rw'].includes(rights)) throw this.damaged(JSON.stringify(event));
        const flags = (rights.includes('r') ? RowFlag.READ : 0) | (rights.includes('w') ? RowFlag.WRITE : 0);
        return {
          place: 0,
          address: Number(iova),
          size,
          flags: event.op === 'fault' ? flags | RowFlag.FAILED : flags,
          ...('physical' in event && { physical: Number(event.physical) }),
        };
      }
    }
  }

  /** An address without a function has configuration space that reads as all ones. */
  private deviceOf(address: string): number {
    const known = this.deviceNumbers.get(address);
    if (known !== undefined) return known;
    const nobody = '0x0' as const;
    const number = this.addDevice({
      address,
      name: 'no device',
      vendorId: nobody,
      deviceId: nobody,
      classCode: nobody,
      bars: [],
      capabilities: [],
    });
    this.deviceNumbers.set(address, number);
    return number;
  }

  private count(device: number, what: string): void {
    let counts = this.counts.get(device);
    if (counts === undefined) {
      counts = new Map();
      this.counts.set(device, counts);
    }
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }

  private placeOf(space: string, name: string): number {
    const key = `${space}\0${name}`;
    let number = this.placeNumbers.get(key);
    if (number === undefined) {
      number = this.places.push({ space, name }) - 1;
      this.placeNumbers.set(key, number);
    }
    return number;
  }

  private bits(text: string): bigint {
    if (typeof text !== 'string' || !/^0x[0-9a-f]{1,16}$/.test(text)) throw this.damaged(String(text));
    return BigInt(text);
  }

  private column(name: ColumnName): NumberColumn {
    return this.columns.get(name) as NumberColumn;
  }

  private push(name: ColumnName, value: number): void {
    this.column(name).push(value);
  }

  private notATrace(text: string): TraceError {
    return new TraceError(
      `${this.where} is no trace: it begins with '${shown(text)}'`,
      'make one: armemu run --trace all=FILE',
    );
  }

  private cutShort(text: string): TraceError {
    return new TraceError(
      `line ${this.line} of ${this.where} is no record: '${shown(text)}'`,
      "if armemu was killed while it wrote the last one, drop that: sed -i '$d' FILE",
    );
  }

  private damaged(text: string): TraceError {
    return new TraceError(
      `line ${this.line} of ${this.where} is no record of a trace of version ${TRACE_VERSION}: '${shown(text)}'`,
      'trace it again',
    );
  }
}

function shown(text: string): string {
  const printable = text.slice(0, SHOWN).replace(/[^\x20-\x7e]/g, '?');
  return text.length > SHOWN ? `${printable}...` : printable;
}

function isHeader({ machine, categories, devices }: Partial<TraceHeader>): boolean {
  return (
    typeof machine === 'string' &&
    Array.isArray(categories) &&
    Array.isArray(devices) &&
    devices.every(
      (device: Partial<TraceDevice> | null) =>
        typeof device?.address === 'string' &&
        typeof device.name === 'string' &&
        Array.isArray(device.bars) &&
        Array.isArray(device.capabilities) &&
        device.capabilities.every((capability) => Number.isInteger(capability?.id)),
    )
  );
}

function isTimed({ ns, instructions, device }: Partial<TraceEvent>): boolean {
  return Number.isSafeInteger(ns) && Number.isSafeInteger(instructions) && typeof device === 'string';
}
