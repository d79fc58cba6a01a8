import { MemoryLayout } from '../../memory/machine-memory.ts';
import type { CpuImage } from './cpu-image.ts';
import type { Side } from './side.ts';

const PAGE_WORDS = 1024;
const RAM = MemoryLayout.ram >>> 2;
/** More words of RAM than this say nothing more. */
const LISTED_WORDS = 16;

/** One thing that is another on the two sides. */
export interface Difference {
  readonly what: string;
  readonly first: string;
  readonly second: string;
}

/** A word as people read it. */
export function wordText(value: number): string {
  return `0x${(value >>> 0).toString(16).padStart(8, '0')}`;
}

function flags(nzcv: number): string {
  const letters = [...'NZCV'].map((letter, i) => (((nzcv >>> (31 - i)) & 1) === 1 ? letter : '-'));
  return `${wordText(nzcv)} (${letters.join('')})`;
}

function valueText(name: string, value: number): string {
  if (!Number.isInteger(value) || value > 0xffffffff) return String(value);
  return name === 'CPSR.NZCV' ? flags(value) : wordText(value);
}

/** Where CPUs' states differ; they have been captured. */
export function cpuDifferences(first: readonly CpuImage[], second: readonly CpuImage[]): Difference[] {
  return first.flatMap((image, cpu) =>
    image.differences(second[cpu]).map(({ name, first, second }) => ({
      what: `CPU ${cpu}  ${name}`,
      first: valueText(name, first),
      second: valueText(name, second),
    })),
  );
}

/** The first word of a range of RAM that differs: its index from the beginning of RAM; -1 where none does. */
export function firstDifferentWord(first: Side, second: Side, from: number, to: number): number {
  const [a, b] = [first.memory.words, second.memory.words];
  for (let i = RAM + from; i < RAM + to; i++) if (a[i] !== b[i]) return i - RAM;
  return -1;
}

/** Words of RAM that differ in some pages. */
export function pageDifferences(first: Side, second: Side, pages: Iterable<number>): Difference[] {
  const found: Difference[] = [];
  for (const page of new Set(pages)) {
    const end = (page + 1) * PAGE_WORDS;
    for (let word = page * PAGE_WORDS; found.length < LISTED_WORDS; word++) {
      word = firstDifferentWord(first, second, word, end);
      if (word < 0) break;
      found.push({
        what: `RAM at physical ${wordText(first.physical.ramBase + word * 4)}`,
        first: wordText(first.memory.words[RAM + word]),
        second: wordText(second.memory.words[RAM + word]),
      });
    }
  }
  return found;
}

/** Makes a page of the second side's RAM like the first's, or like a copy. */
export function copyPage(from: Int32Array, fromWord: number, to: Side, page: number): void {
  const at = RAM + page * PAGE_WORDS;
  const { words } = to.memory;
  let same = true;
  for (let i = 0; i < PAGE_WORDS && same; i++) same = words[at + i] === from[fromWord + i];
  if (same) return;
  words.set(from.subarray(fromWord, fromWord + PAGE_WORDS), at);
  // Code that was translated from it is void.
  to.physical.watches.written(page * PAGE_WORDS * 4, PAGE_WORDS * 4);
}

/** A copy of a page of RAM. */
export function pageOf(side: Side, page: number): Int32Array {
  const at = RAM + page * PAGE_WORDS;
  return side.memory.words.slice(at, at + PAGE_WORDS);
}

/** Makes a page of one side's RAM like the other's. */
export function mirrorPage(from: Side, to: Side, page: number): void {
  copyPage(from.memory.words, RAM + page * PAGE_WORDS, to, page);
}
