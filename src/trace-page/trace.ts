import { readColumn } from '../trace/number-column.ts';
import { COLUMN_NAMES, type ColumnName, EVENT_KINDS, type PageInfo, RowFlag } from '../trace/page-data.ts';

/** The trace of a page: a typed array for each column, and what they refer to. Rows are in the order of time. */
export class Trace {
  readonly info: PageInfo;
  readonly length: number;
  readonly time: Float64Array;
  readonly instructions: Float64Array;
  readonly kind: Uint8Array;
  readonly device: Uint16Array;
  readonly place: Uint32Array;
  readonly address: Float64Array;
  readonly size: Float64Array;
  readonly valueLow: Uint32Array;
  readonly valueHigh: Uint32Array;
  readonly physical: Float64Array;
  readonly flags: Uint8Array;

  /** @param bytes all columns, one after the other */
  constructor(info: PageInfo, bytes: Uint8Array) {
    this.info = info;
    const rows = info.events;
    this.length = rows;
    const parts = new Map<ColumnName, Uint8Array>();
    let at = 0;
    COLUMN_NAMES.forEach((name, i) => {
      parts.set(name, bytes.subarray(at, at + info.columnBytes[i]));
      at += info.columnBytes[i];
    });
    const part = (name: ColumnName): Uint8Array => parts.get(name) as Uint8Array;
    this.time = readColumn(part('time'), new Float64Array(rows));
    this.instructions = readColumn(part('instructions'), new Float64Array(rows));
    this.kind = readColumn(part('kind'), new Uint8Array(rows));
    this.device = readColumn(part('device'), new Uint16Array(rows));
    this.place = readColumn(part('place'), new Uint32Array(rows));
    this.address = readColumn(part('address'), new Float64Array(rows));
    this.size = readColumn(part('size'), new Float64Array(rows));
    this.valueLow = readColumn(part('valueLow'), new Uint32Array(rows));
    this.valueHigh = readColumn(part('valueHigh'), new Uint32Array(rows));
    this.physical = readColumn(part('physical'), new Float64Array(rows));
    this.flags = readColumn(part('flags'), new Uint8Array(rows));
  }

  /** Numbers of the devices that are on the bus; others are places where nothing was found. */
  get presentDevices(): number[] {
    const { devices } = this.info;
    return [...devices.keys()].filter((device) => devices[device].vendorId !== '0x0');
  }

  get startNs(): number {
    return this.time[0];
  }

  get endNs(): number {
    return this.time[this.length - 1];
  }

  /** The first row at or after a time. */
  rowAt(ns: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.time[middle] < ns) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  category(row: number): string {
    return EVENT_KINDS[this.kind[row]][0];
  }

  op(row: number): string {
    return EVENT_KINDS[this.kind[row]][1];
  }

  has(row: number, flag: number): boolean {
    return (this.flags[row] & flag) !== 0;
  }

  /** Contents of a register or message, as digits; nothing where there is none. */
  valueText(row: number): string {
    if (!this.has(row, RowFlag.HAS_VALUE)) return '';
    const [low, high] = [this.valueLow[row], this.valueHigh[row]];
    const digits = high === 0 ? low.toString(16) : high.toString(16) + low.toString(16).padStart(8, '0');
    return `0x${digits.padStart(2 * this.size[row], '0')}`;
  }

  addressText(row: number): string {
    return this.has(row, RowFlag.HAS_ADDRESS) ? `0x${this.address[row].toString(16)}` : '';
  }

  physicalText(row: number): string {
    return this.has(row, RowFlag.HAS_PHYSICAL) ? `0x${this.physical[row].toString(16)}` : '';
  }

  /** What else there is to say of a row. */
  noteText(row: number): string {
    const rights = (this.has(row, RowFlag.READ) ? 'r' : '') + (this.has(row, RowFlag.WRITE) ? 'w' : '');
    const failed = this.has(row, RowFlag.FAILED) && this.category(row) === 'dma' ? 'failed' : '';
    return rights + failed;
  }

  /** Short and unique: address and name. */
  deviceText(device: number): string {
    const { address, name } = this.info.devices[device];
    return `${address} ${name}`;
  }
}
