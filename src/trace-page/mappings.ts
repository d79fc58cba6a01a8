import { RowFlag } from '../trace/page-data.ts';
import type { Trace } from './trace.ts';

/** A piece of a device's address space, for as long as it led to the same memory. */
export interface Mapping {
  readonly device: number;
  readonly kind: 'map' | 'translate';
  readonly iova: number;
  readonly size: number;
  readonly physical: number;
  /** `r`, `w` or `rw`. */
  rights: string;
  readonly from: number;
  /** When it ended; the trace's end where it did not. */
  to: number;
  ended: boolean;
}

/** What the devices of a trace could reach, and when, from its events of the category iommu. */
export function mappingsOf(trace: Trace): Mapping[] {
  const all: Mapping[] = [];
  const open = new Map<string, Mapping>();
  const starts = trace.info.machines.slice(1);
  const close = (mapping: Mapping, at: number): void => {
    mapping.to = at;
    mapping.ended = true;
  };
  for (let row = 0; row < trace.length; row++) {
    const time = trace.time[row];
    // A new machine has an SMMU that maps nothing.
    while (starts.length > 0 && row >= starts[0].startRow) {
      for (const mapping of open.values()) close(mapping, starts[0].startNs);
      starts.shift();
      open.clear();
    }
    if (trace.category(row) !== 'iommu') continue;
    const op = trace.op(row);
    if (op === 'fault') continue;
    const [device, iova, physical] = [trace.device[row], trace.address[row], trace.physical[row]];
    const key = `${device} ${iova}`;
    const before = open.get(key);
    const rights = (trace.has(row, RowFlag.READ) ? 'r' : '') + (trace.has(row, RowFlag.WRITE) ? 'w' : '');
    if (op === 'translate' && before !== undefined && before.physical === physical) {
      before.rights = rights === before.rights ? rights : 'rw';
      continue;
    }
    if (before !== undefined) close(before, time);
    open.delete(key);
    if (op === 'unmap') continue;
    const mapping: Mapping = {
      device,
      kind: op === 'map' ? 'map' : 'translate',
      iova,
      size: trace.size[row],
      physical,
      rights,
      from: time,
      to: trace.endNs,
      ended: false,
    };
    open.set(key, mapping);
    all.push(mapping);
  }
  return all;
}
