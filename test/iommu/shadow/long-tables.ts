import { PlainHost, RAM, ShadowRig } from './rig.ts';

const L1 = RAM + 0x10_0000;
const L2 = L1 + 0x1000;
const L3 = L1 + 0x2000;
/** Where the tables are: level 1, 2 and 3. */
export const TABLES = { L1, L2, L3 } as const;
export const PAGE_RW = 0x443n;
export const PAGE_RO = 0x4c3n;
/** The first input address of the level 3 table. */
export const IOVA = 0x8000_0000;

/** Tables of long descriptors for the 2 MiB at {@link IOVA}, all invalid in the end, and one device behind them. */
export function translating(host = new PlainHost()) {
  const rig = new ShadowRig();
  rig.double(L1 + 8 * (IOVA >>> 30), BigInt(L2 | 3));
  rig.double(L2, BigInt(L3 | 3));
  rig.attachLong(L1);
  const device = rig.device(host);
  host.calls.length = 0;
  return { rig, device, host };
}

/** @param index of the page from {@link IOVA} on */
export function page(rig: ShadowRig, index: number, physical: number, flags = PAGE_RW): void {
  rig.double(L3 + 8 * index, BigInt(physical) | flags);
}
