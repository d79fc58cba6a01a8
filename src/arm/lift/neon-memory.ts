import { MemFlag } from '../../translator/ir/ops.ts';
import type { IrValue } from '../../translator/ir/value.ts';
import { DEINTERLEAVING, INTERLEAVING, structureRow } from '../../translator/vector/permutation-families.ts';
import { ARM_HELPERS } from '../helpers.ts';
import { StateSlot } from '../state.ts';
import { requireSimd } from './fp-access.ts';
import type { AccessSize, Lifter } from './lifter.ts';
import { slotOfD } from './neon.ts';
import { element, replicate, setElement } from './neon-move.ts';

// Advanced SIMD element and structure loads and stores (ARM DDI 0406C A7.7). Everything is loaded before the first
// register changes, and the base changes last: an abort leaves the registers as they were.

/** d is D:Vd; m 15 writes nothing back, 13 the bytes transferred, another one that register's value. */
interface Base {
  readonly d: number;
  readonly n: number;
  readonly m: number;
}

function writeBack(l: Lifter, f: Base, base: IrValue, bytes: number): void {
  if (f.m === 15) return;
  l.setReg(f.n, l.b.add(base, f.m === 13 ? l.const(bytes) : l.reg(f.m)));
}

/** The @align of the instruction, in bytes: checked for the address as a whole, before anything is accessed. */
function checkAlignment(l: Lifter, address: IrValue, alignment: number, store: boolean): void {
  if (alignment === 1) return;
  const { b } = l;
  const aligned = b.newLabel();
  b.skipIfZero(b.and(address, l.const(alignment - 1)), aligned);
  b.call(ARM_HELPERS.alignmentFault, address, l.const(store ? 1 : 0));
  b.label(aligned);
}

/** R15 as the base, or a list that goes beyond D31, is UNPREDICTABLE: true when it was. */
function refuses(l: Lifter, f: Base, last: number): boolean {
  if (last > 31) {
    l.refuse('a list beyond D31');
    return true;
  }
  if (l.refusesPc(f.n)) return true;
  requireSimd(l, f.d, last);
  return false;
}

/** By size: what SCTLR.A asks for is the element's alignment (A3.2.1). */
const ELEMENT_FLAGS = [MemFlag.ElementBytes, MemFlag.ElementHalves, MemFlag.ElementWords, MemFlag.None];

/** Eight bytes between memory's order and the registers', element by element. */
function ordered64(l: Lifter, value: IrValue, size: number): IrValue {
  const { b } = l;
  if (!l.bigEndian || size === 0) return value;
  const op = size === 1 ? 'rev16' : 'rev';
  const low = b.pure(op, [b.pure('low64', [value])]);
  const high = b.pure(op, [b.pure('high64', [value])]);
  return size === 3 ? b.pure('pack64', [high, low]) : b.pure('pack64', [low, high]);
}

/** Registers of a multiple-structure list: `repeats` structures' worth of `count` registers, `step` apart. */
export interface List {
  readonly count: 1 | 2 | 3 | 4;
  readonly repeats: number;
  readonly step: 1 | 2;
}

interface Multiple extends Base {
  readonly s: number;
  readonly a: number;
}

/** Doubleword registers in the order in which chunks of eight bytes belong to them. */
function lastRegister(d: number, { count, repeats, step }: List): number {
  return d + (count - 1) * step + repeats - 1;
}

/** Whether size and align are of an encoding that exists. */
function exists(f: Multiple, { count, repeats }: List): boolean {
  const registers = count * repeats;
  if (count > 1 && f.s === 3) return false;
  if (count === 3 || registers === 1 || registers === 3) return f.a < 2;
  return registers === 4 || f.a !== 3;
}

function transferMultiple(l: Lifter, f: Multiple, list: List, store: boolean): void {
  if (!exists(f, list)) {
    l.undefined();
    return;
  }
  if (refuses(l, f, lastRegister(f.d, list))) return;
  const { b } = l;
  const base = l.reg(f.n);
  checkAlignment(l, base, f.a === 0 ? 1 : 4 << f.a, store);
  const chunks = list.count * list.repeats;
  if (store) storeChunks(l, f, list, base);
  else {
    const values = Array.from({ length: chunks }, (_unused, i) =>
      ordered64(l, b.load('load64', b.add(base, l.const(8 * i)), ELEMENT_FLAGS[f.s]), f.s),
    );
    loadRegisters(l, f, list, values);
  }
  writeBack(l, f, base, 8 * chunks);
}

function loadRegisters(l: Lifter, f: Multiple, { count, repeats, step }: List, values: IrValue[]): void {
  const { b } = l;
  for (let r = 0; r < repeats; r++) {
    const d = slotOfD(f.d + r);
    for (let i = 0; i < count; i++) {
      b.emit('set64', [values[r * count + i]], count === 1 ? d : StateSlot.VectorScratch + 2 * i);
    }
    if (count > 1) b.vector(DEINTERLEAVING[structureRow(count, f.s, step)], d, StateSlot.VectorScratch, d, 0);
  }
}

function storeChunks(l: Lifter, f: Multiple, { count, repeats, step }: List, base: IrValue): void {
  const { b } = l;
  for (let r = 0; r < repeats; r++) {
    const d = slotOfD(f.d + r);
    if (count > 1) {
      b.vector(INTERLEAVING[structureRow(count, f.s, step)], StateSlot.VectorScratch, d, d, 0);
    }
    for (let i = 0; i < count; i++) {
      const value = b.emit('get64', [], count === 1 ? d : StateSlot.VectorScratch + 2 * i);
      const address = b.add(base, l.const(8 * (r * count + i)));
      b.store('store64', address, ordered64(l, value, f.s), ELEMENT_FLAGS[f.s]);
    }
  }
}

export function loadMultipleStructures(list: List) {
  return (l: Lifter, f: Multiple): void => transferMultiple(l, f, list, false);
}

export function storeMultipleStructures(list: List) {
  return (l: Lifter, f: Multiple): void => transferMultiple(l, f, list, true);
}

/** What size and index_align of the single-structure forms say; undefined where they are UNDEFINED. */
interface Lane {
  readonly index: number;
  readonly step: number;
  readonly alignment: number;
}

function laneOf(count: number, size: number, indexAlign: number): Lane | undefined {
  const index = indexAlign >> (size + 1);
  const low = indexAlign & ((2 << size) - 1);
  const step = size === 0 || count === 1 ? 1 : ((indexAlign >> size) & 1) + 1;
  // Bits of index_align below the step bit.
  const align = size === 0 || count === 1 ? low : low & ((1 << size) - 1);
  const bytes = count << size;
  switch (count) {
    case 1:
      if (size === 2)
        return low === 0 || low === 3 ? { index, step, alignment: low === 3 ? 4 : 1 } : undefined;
      return low < 2 && (size === 1 || low === 0) ? { index, step, alignment: low === 1 ? 2 : 1 } : undefined;
    case 2:
      return align < 2 ? { index, step, alignment: align === 1 ? bytes : 1 } : undefined;
    case 3:
      return align === 0 ? { index, step, alignment: 1 } : undefined;
    default:
      if (size === 2) return align < 3 ? { index, step, alignment: align === 0 ? 1 : 4 << align } : undefined;
      return { index, step, alignment: align === 1 ? bytes : 1 };
  }
}

interface Single extends Base {
  readonly s: number;
  readonly i: number;
}

function transferLane(l: Lifter, f: Single, count: number, store: boolean): void {
  const lane = laneOf(count, f.s, f.i);
  if (f.s === 3 || lane === undefined) {
    l.undefined();
    return;
  }
  const { index, step, alignment } = lane;
  if (refuses(l, f, f.d + (count - 1) * step)) return;
  const base = l.reg(f.n);
  const bytes = (1 << f.s) as AccessSize;
  checkAlignment(l, base, alignment, store);
  const registers = Array.from({ length: count }, (_unused, i) => f.d + i * step);
  const addresses = registers.map((_unused, i) => l.b.add(base, l.const(i * bytes)));
  if (store) {
    registers.forEach((d, i) => {
      l.store(bytes, addresses[i], element(l, d, f.s, index));
    });
  } else {
    const values = addresses.map((address) => l.load(bytes, address));
    registers.forEach((d, i) => {
      setElement(l, d, f.s, index, values[i]);
    });
  }
  writeBack(l, f, base, count * bytes);
}

export function loadLane(count: 1 | 2 | 3 | 4) {
  return (l: Lifter, f: Single): void => transferLane(l, f, count, false);
}

export function storeLane(count: 1 | 2 | 3 | 4) {
  return (l: Lifter, f: Single): void => transferLane(l, f, count, true);
}

interface AllLanes extends Base {
  readonly s: number;
  readonly T: number;
  readonly a: number;
}

/** The alignment of VLDn (single structure to all lanes) in bytes; undefined where the encoding is UNDEFINED. */
function allLanesAlignment(count: number, size: number, a: number): number | undefined {
  if (count === 4 && size === 3) return a === 1 ? 16 : undefined;
  if (size === 3 || (count === 1 && size === 0 && a === 1) || (count === 3 && a === 1)) return undefined;
  if (a === 0) return 1;
  return count === 4 && size === 2 ? 8 : count << size;
}

/** VLDn (single structure to all lanes). T: two registers instead of one for VLD1, a step of 2 for the others. */
export function loadAllLanes(count: 1 | 2 | 3 | 4) {
  return (l: Lifter, f: AllLanes): void => {
    const alignment = allLanesAlignment(count, f.s, f.a);
    if (alignment === undefined) {
      l.undefined();
      return;
    }
    const registers =
      count === 1
        ? Array.from({ length: f.T + 1 }, (_unused, i) => f.d + i)
        : Array.from({ length: count }, (_unused, i) => f.d + i * (f.T + 1));
    if (refuses(l, f, registers[registers.length - 1])) return;
    const size = Math.min(f.s, 2);
    const bytes = (1 << size) as AccessSize;
    const base = l.reg(f.n);
    checkAlignment(l, base, alignment, false);
    const words = Array.from({ length: count }, (_unused, i) =>
      replicate(l, l.load(bytes, l.b.add(base, l.const(i * bytes))), size),
    );
    registers.forEach((d, i) => {
      const word = words[count === 1 ? 0 : i];
      l.b.set(slotOfD(d), word);
      l.b.set(slotOfD(d) + 1, word);
    });
    writeBack(l, f, base, count * bytes);
  };
}
