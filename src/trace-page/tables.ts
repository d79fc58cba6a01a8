import { RowFlag } from '../trace/page-data.ts';
import type { Mapping } from './mappings.ts';
import { type SortKey, sortRows } from './selection.ts';
import type { TableColumn, TableContents } from './table-contents.ts';
import { countText, exactTime, hexText, sizeText } from './texts.ts';
import type { Trace } from './trace.ts';

export const EVENT_COLUMNS: readonly TableColumn[] = [
  { id: 'time', title: 'Time (s)', width: 145, isNumber: true },
  { id: 'device', title: 'Device', width: 150 },
  { id: 'category', title: 'Category', width: 98 },
  { id: 'op', title: 'Operation', width: 106 },
  { id: 'register', title: 'Register', width: 200 },
  { id: 'address', title: 'Offset or address', width: 172, isNumber: true },
  { id: 'size', title: 'Size', width: 75, isNumber: true },
  { id: 'value', title: 'Value', width: 156, isNumber: true },
  { id: 'physical', title: 'Physical', width: 120, isNumber: true },
  { id: 'note', title: 'Rights', width: 78 },
];

/** Events, one a row. */
export class EventRows implements TableContents {
  readonly rows: Uint32Array;
  private readonly trace: Trace;

  /** @param rows in the order of time; sorted in place */
  constructor(trace: Trace, rows: Uint32Array) {
    this.trace = trace;
    this.rows = rows;
  }

  get length(): number {
    return this.rows.length;
  }

  cells(index: number) {
    const { trace } = this;
    const row = this.rows[index];
    const { space, name } = trace.info.places[trace.place[row]];
    const address = trace.addressText(row);
    return {
      time: exactTime(trace.time[row]),
      device: trace.deviceText(trace.device[row]),
      category: trace.category(row),
      op: trace.op(row),
      register: name,
      address: space === '' ? address : `${space} ${address}`,
      size: trace.size[row] === 0 ? '' : countText(trace.size[row]),
      value: trace.valueText(row),
      physical: trace.physicalText(row),
      note: trace.noteText(row),
    };
  }

  sort(column: string, ascending: boolean): void {
    if (column !== 'note') sortRows(this.trace, this.rows, column as SortKey, ascending);
  }
}

/** Rows that are few enough to be objects. */
class ListRows<Row> implements TableContents {
  readonly list: Row[];
  private readonly text: (row: Row) => Readonly<Record<string, string>>;
  private readonly keys: Readonly<Record<string, (row: Row) => number | string>>;

  constructor(
    list: Row[],
    text: (row: Row) => Readonly<Record<string, string>>,
    keys: Readonly<Record<string, (row: Row) => number | string>>,
  ) {
    this.list = list;
    this.text = text;
    this.keys = keys;
  }

  get length(): number {
    return this.list.length;
  }

  cells(index: number) {
    return this.text(this.list[index]);
  }

  sort(column: string, ascending: boolean): void {
    const key = this.keys[column];
    const sign = ascending ? 1 : -1;
    this.list.sort((a, b) => {
      const [left, right] = [key(a), key(b)];
      return sign * (left < right ? -1 : left > right ? 1 : 0);
    });
  }
}

/** Events that do the same to the same thing. */
interface Total {
  readonly row: number;
  count: number;
  bytes: number;
  last: number;
}

export const TOTAL_COLUMNS: readonly TableColumn[] = [
  { id: 'device', title: 'Device', width: 160 },
  { id: 'category', title: 'Category', width: 98 },
  { id: 'op', title: 'Operation', width: 106 },
  { id: 'register', title: 'Register', width: 230 },
  { id: 'address', title: 'Offset', width: 130, isNumber: true },
  { id: 'count', title: 'Events', width: 95, isNumber: true },
  { id: 'bytes', title: 'Bytes', width: 110, isNumber: true },
  { id: 'first', title: 'First (s)', width: 150, isNumber: true },
  { id: 'last', title: 'Last (s)', width: 150, isNumber: true },
];

/** How often what happened: a row for each operation on each register, pin, vector; one for all DMA of a kind. */
export function totalRows(trace: Trace, rows: Uint32Array): ListRows<Total> {
  const totals = new Map<number, Map<number, Total>>();
  const places = trace.info.places.length;
  const hasOffset = trace.info.places.map(({ space }) => space !== '');
  const inOrder = Uint32Array.from(rows).sort();
  for (const row of inOrder) {
    const key = (trace.device[row] * places + trace.place[row]) * 16 + trace.kind[row];
    let same = totals.get(key);
    if (same === undefined) {
      same = new Map();
      totals.set(key, same);
    }
    const address = hasOffset[trace.place[row]] ? trace.address[row] : 0;
    const total = same.get(address);
    if (total === undefined) {
      same.set(address, { row, count: 1, bytes: trace.size[row], last: trace.time[row] });
    } else {
      total.count++;
      total.bytes += trace.size[row];
      total.last = trace.time[row];
    }
  }
  const list = [...totals.values()].flatMap((same) => [...same.values()]).sort((a, b) => b.count - a.count);
  const event = new EventRows(trace, Uint32Array.of(0));
  const cells = ({ row }: Total) => {
    event.rows[0] = row;
    return event.cells(0);
  };
  const place = ({ row }: Total) => trace.info.places[trace.place[row]];
  const offset = (total: Total) => (place(total).space === '' ? '' : cells(total).address);
  return new ListRows(
    list,
    (total) => ({
      ...cells(total),
      address: offset(total),
      count: countText(total.count),
      bytes: total.bytes === 0 ? '' : countText(total.bytes),
      first: exactTime(trace.time[total.row]),
      last: exactTime(total.last),
    }),
    {
      device: ({ row }) => trace.device[row],
      category: ({ row }) => trace.category(row),
      op: ({ row }) => trace.op(row),
      register: (total) => place(total).name || '~',
      address: ({ row }) => trace.address[row],
      count: ({ count }) => count,
      bytes: ({ bytes }) => bytes,
      first: ({ row }) => row,
      last: ({ last }) => last,
    },
  );
}

export const MAPPING_COLUMNS: readonly TableColumn[] = [
  { id: 'device', title: 'Device', width: 160 },
  { id: 'kind', title: 'By', width: 90 },
  { id: 'iova', title: 'IOVA', width: 140, isNumber: true },
  { id: 'size', title: 'Size', width: 90, isNumber: true },
  { id: 'physical', title: 'Physical', width: 140, isNumber: true },
  { id: 'rights', title: 'Rights', width: 70 },
  { id: 'from', title: 'From (s)', width: 150, isNumber: true },
  { id: 'to', title: 'To (s)', width: 150, isNumber: true },
];

/** What devices could reach, and when. */
export function mappingRows(trace: Trace, mappings: readonly Mapping[]): ListRows<Mapping> {
  return new ListRows(
    [...mappings],
    (mapping) => ({
      device: trace.deviceText(mapping.device),
      kind: mapping.kind === 'map' ? 'host IOMMU' : 'use',
      iova: hexText(mapping.iova),
      size: sizeText(mapping.size),
      physical: hexText(mapping.physical),
      rights: mapping.rights,
      from: exactTime(mapping.from),
      to: mapping.ended ? exactTime(mapping.to) : 'end',
    }),
    {
      device: ({ device }) => device,
      kind: ({ kind }) => kind,
      iova: ({ iova }) => iova,
      size: ({ size }) => size,
      physical: ({ physical }) => physical,
      rights: ({ rights }) => rights,
      from: ({ from }) => from,
      to: ({ to }) => to,
    },
  );
}

/** All that is known of an event, for the line below the table. */
export function eventDetails(trace: Trace, row: number): [name: string, text: string][] {
  const { space, name } = trace.info.places[trace.place[row]];
  const value = trace.valueText(row);
  const decimal = (BigInt(trace.valueHigh[row]) << 32n) | BigInt(trace.valueLow[row]);
  const details: [string, string][] = [
    ['event', countText(row + 1)],
    ['time', `${exactTime(trace.time[row])} s`],
    ['instructions', countText(trace.instructions[row])],
    ['device', trace.deviceText(trace.device[row])],
    ['', `${trace.category(row)} ${trace.op(row)}`],
    [space || (trace.category(row) === 'irq' ? '' : 'address'), trace.addressText(row)],
    ['', name],
    ['size', trace.size[row] === 0 ? '' : sizeText(trace.size[row])],
    ['value', value === '' ? '' : `${value} = ${decimal} = ${bitsText(decimal)}`],
    ['physical', trace.physicalText(row)],
    [trace.has(row, RowFlag.FAILED) ? '' : 'rights', trace.noteText(row)],
  ];
  return details.filter(([, text]) => text !== '');
}

/** The bits that are set: `{31, 4, 0}`. */
function bitsText(value: bigint): string {
  const bits: number[] = [];
  for (let bit = 63; bit >= 0; bit--) if (((value >> BigInt(bit)) & 1n) === 1n) bits.push(bit);
  return `bits {${bits.join(', ')}}`;
}
