import { DmaRight } from '../../../src/ports/host-mappings.ts';
import { barText, mappingText, RAM, RAM_SIZE } from './rig.ts';

/** Pages that a real device answers. */
export interface PlainBar {
  readonly physical: number;
  readonly size: number;
  readonly name: string;
  readonly offset: number;
}

/**
 * What tables of stage 1 give to unprivileged accesses, listed by reading all of every table, from the manuals' pictures of the
 * descriptors and from nothing else of this project.
 */
export interface PlainContext {
  readonly format: 'short' | 'long' | 'aarch64';
  readonly ttbr0: number;
  readonly ttbr1: number;
  readonly tcr: number;
  readonly privileged: boolean;
  readonly bars: readonly PlainBar[];
}

export type ReadWord = (address: number) => number;

/** A mapping for each descriptor of a page or a block, as far as it is in RAM, and one for each BAR that it comes by. */
export function listMappings(context: PlainContext, read: ReadWord): string[] {
  const list: { iova: number; text: string }[] = [];
  const leaf = (iova: number, size: number, physical: number, readable: boolean, writable: boolean): void => {
    const rights = (readable ? DmaRight.Read : 0) | (writable ? DmaRight.Write : 0);
    const part = (
      base: number,
      length: number,
      textOf: (at: number, bytes: number, first: number) => string,
    ) => {
      const first = Math.max(physical, base);
      const end = Math.min(physical + size, base + length);
      if (first >= end || rights === 0) return;
      const at = iova + first - physical;
      list.push({ iova: at, text: textOf(at, end - first, first) });
    };
    part(RAM, RAM_SIZE, (at, bytes, first) => mappingText(at, bytes, first, rights));
    for (const bar of context.bars) {
      part(bar.physical, bar.size, (at, bytes, first) =>
        barText(at, bytes, bar.name, bar.offset + first - bar.physical, rights),
      );
    }
  };
  if (context.format === 'short') listShort(context, read, leaf);
  else if (context.format === 'long') listLong(context, read, leaf);
  else listAArch64(context, read, leaf);
  return list.sort((a, b) => a.iova - b.iova).map(({ text }) => text);
}

type TakeLeaf = (iova: number, size: number, physical: number, readable: boolean, writable: boolean) => void;

const isRam = (address: number): boolean => address >= RAM && address < RAM + RAM_SIZE;

/** ARM DDI 0406C B3.5, with SCTLR.AFE: AP[2] is read-only, AP[1] lets unprivileged accesses in, AP[0] is the access flag. */
function listShort({ ttbr0, ttbr1, tcr, privileged }: PlainContext, read: ReadWord, leaf: TakeLeaf): void {
  const n = tcr & 7;
  const take = (iova: number, size: number, physical: number, ap: number): void => {
    if ((ap & 1) === 0) return;
    const reachable = privileged || (ap & 2) !== 0;
    leaf(iova, size, physical, reachable, reachable && (ap & 4) === 0);
  };
  for (let i = 0; i < 4096; i++) {
    const second = n !== 0 && i >>> (12 - n) !== 0;
    if ((tcr & (second ? 0x20 : 0x10)) !== 0) continue;
    const table = second ? (ttbr1 & 0xffffc000) >>> 0 : (ttbr0 & -(2 ** (14 - n))) >>> 0;
    if (!isRam(table + 4 * i)) continue;
    const first = read(table + 4 * i);
    const iova = i * 2 ** 20;
    const ap = ((first >>> 13) & 4) | ((first >>> 10) & 3);
    if ((first & 3) === 1) {
      const pages = (first & 0xfffffc00) >>> 0;
      for (let p = 0; p < 256; p++) {
        if (!isRam(pages + 4 * p)) continue;
        const page = read(pages + 4 * p);
        const pageAp = ((page >>> 7) & 4) | ((page >>> 4) & 3);
        const at = iova + 4096 * p;
        if ((page & 3) === 1) take(at, 4096, ((page & 0xffff0000) >>> 0) + (p % 16) * 4096, pageAp);
        else if ((page & 2) !== 0) take(at, 4096, (page & 0xfffff000) >>> 0, pageAp);
      }
    } else if ((first & 2) !== 0 && (first & 0x40000) === 0) {
      take(iova, 2 ** 20, (first & 0xfff00000) >>> 0, ap);
    } else if ((first & 2) !== 0) {
      const high = ((first >>> 20) & 15) + 16 * ((first >>> 5) & 15);
      take(iova, 2 ** 20, high * 2 ** 32 + ((first & 0xff000000) >>> 0) + (i % 16) * 2 ** 20, ap);
    }
  }
}

/** Bits of a 64-bit descriptor, low word and high word. */
function descriptor(read: ReadWord, at: number): { low: number; high: number; address: number } {
  const [low, high] = [read(at), read(at + 4)];
  return { low, high, address: (high & 0xffff) * 2 ** 32 + ((low & 0xfffff000) >>> 0) };
}

/** ARM DDI 0406C B3.6 and ARM DDI 0487C D4.3 with pages of 4 KiB: what two formats have in common. */
function listLevels(
  table: number,
  level: number,
  entries: number,
  iova: number,
  taken: { readonly write: boolean; readonly user: boolean },
  addressBits: number,
  context: PlainContext,
  read: ReadWord,
  leaf: TakeLeaf,
): void {
  const size = 2 ** (39 - 9 * level);
  for (let i = 0; i < entries; i++) {
    const at = table + 8 * i;
    if (!isRam(at)) continue;
    const { low, high, address } = descriptor(read, at);
    const isTable = (low & 3) === 3;
    if ((low & 1) === 0 || (!isTable && (level === 3 || level === 0))) continue;
    if (address >= 2 ** addressBits) continue;
    if (isTable && level < 3) {
      const next = {
        write: taken.write && (high & 0x4000_0000) === 0,
        user: taken.user && (high & 0x2000_0000) === 0,
      };
      listLevels(address, level + 1, 512, iova + size * i, next, addressBits, context, read, leaf);
      continue;
    }
    if ((low & 0x400) === 0) continue;
    const reachable = context.privileged || (taken.user && (low & 0x40) !== 0);
    const writable = reachable && taken.write && (low & 0x80) === 0;
    leaf(iova + size * i, size, address - (address % size), reachable, writable);
  }
}

function listLong(context: PlainContext, read: ReadWord, leaf: TakeLeaf): void {
  const { ttbr0, ttbr1, tcr } = context;
  const all = { write: true, user: true };
  const region = (size: number, table: number, base: number, from: number, to: number, off: number): void => {
    if ((tcr & off) !== 0) return;
    const level = size < 2 ? 1 : 2;
    const entries = 2 ** (32 - size - (39 - 9 * level));
    const start = table - (table % (entries * 8));
    // What the other register has of a block is not this one's.
    const take: TakeLeaf = (iova, bytes, physical, readable, writable) => {
      const [first, end] = [Math.max(iova, from), Math.min(iova + bytes, to)];
      if (first < end) leaf(first, end - first, physical + first - iova, readable, writable);
    };
    listLevels(start, level, entries, base, all, 40, context, read, take);
  };
  const [t0, t1] = [tcr & 7, (tcr >>> 16) & 7];
  const end0 = 2 ** (32 - t0);
  const begin1 = t1 === 0 ? end0 : 2 ** 32 - 2 ** (32 - t1);
  region(t0, ttbr0, 0, 0, Math.min(end0, begin1), 0x80);
  if (t1 !== 0) region(t1, ttbr1, begin1, begin1, 2 ** 32, 0x80_0000);
  else if (t0 !== 0) region(0, ttbr1, 0, begin1, 2 ** 32, 0x80_0000);
}

/** Addresses of 2^T0SZ below, and none above: the tests switch TTBR1 off. */
function listAArch64(context: PlainContext, read: ReadWord, leaf: TakeLeaf): void {
  const { ttbr0, tcr } = context;
  if ((tcr & 0x80) !== 0) return;
  const bits = 64 - (tcr & 0x3f);
  const level = 4 - Math.ceil((bits - 12) / 9);
  const entries = 2 ** (bits - (39 - 9 * level));
  const start = ttbr0 - (ttbr0 % (entries * 8));
  listLevels(start, level, entries, 0, { write: true, user: true }, 40, context, read, leaf);
}
