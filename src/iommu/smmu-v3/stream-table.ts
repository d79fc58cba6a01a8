import type { DmaPort } from '../../ports/dma.ts';
import { OUTPUT_ADDRESS_BITS, STREAM_ID_BITS, STRTAB_BASE_CFG, TWO_LEVELS } from './registers.ts';

/** SMMU_STRTAB_BASE and SMMU_STRTAB_BASE_CFG. */
export interface StreamTableRegisters {
  /** Physical address of the table. */
  readonly base: number;
  readonly config: number;
}

/** What a look into the stream table comes to (IHI 0070 3.3.1). */
export type StreamTableEntry =
  | { readonly kind: 'found'; readonly ste: Uint32Array }
  /** The table has no place for the stream ID. */
  | { readonly kind: 'out of range' }
  /** Nothing answers at this physical address. */
  | { readonly kind: 'abort'; readonly address: number };

/** Bytes of a stream table entry and of a descriptor of the first level. */
const STE_SIZE = 64;
const L1STD_SIZE = 8;
/** Largest L1STD.Span; larger ones are taken as 0 (5.1). */
const MAX_SPAN = 11;
const SPAN_MASK = 0x1f;

const OUT_OF_RANGE = { kind: 'out of range' } as const;

/** Finds a stream's entry in a linear table or one of two levels. @param memory where tables can be */
export function findStreamTableEntry(
  streamId: number,
  { base, config }: StreamTableRegisters,
  memory: DmaPort,
): StreamTableEntry {
  const log2Size = config & STRTAB_BASE_CFG.LOG2SIZE_MASK;
  if (streamId >= 2 ** Math.min(log2Size, STREAM_ID_BITS)) return OUT_OF_RANGE;
  if (((config >>> STRTAB_BASE_CFG.FMT_SHIFT) & STRTAB_BASE_CFG.FMT_MASK) !== TWO_LEVELS) {
    // The table is aligned to its size, as it is written and not as it is used (6.3.24).
    return readEntry(alignDown(base, log2Size + 6) + streamId * STE_SIZE, memory);
  }
  const split = splitOf(config);
  const table = alignDown(base, Math.max(6, log2Size - split + 3));
  const at = table + Math.floor(streamId / 2 ** split) * L1STD_SIZE;
  const descriptor = new Uint32Array(L1STD_SIZE / 4);
  if (!readWords(at, descriptor, memory)) return { kind: 'abort', address: at };
  const span = descriptor[0] & SPAN_MASK;
  const index = streamId % 2 ** split;
  if (span === 0 || span > MAX_SPAN || span > split + 1 || index >= 2 ** (span - 1)) return OUT_OF_RANGE;
  // The array is aligned to its size (5.1).
  const array = alignDown(addressOf(descriptor[0], descriptor[1]), span + 5);
  return readEntry(array + index * STE_SIZE, memory);
}

/** Bits of a stream ID that the second level has; reserved values are taken as 6. */
function splitOf(config: number): number {
  const split = (config >>> STRTAB_BASE_CFG.SPLIT_SHIFT) & STRTAB_BASE_CFG.SPLIT_MASK;
  return split === 8 || split === 10 ? split : 6;
}

function readEntry(address: number, memory: DmaPort): StreamTableEntry {
  const ste = new Uint32Array(STE_SIZE / 4);
  return readWords(address, ste, memory) ? { kind: 'found', ste } : { kind: 'abort', address };
}

/** Reads the words of a structure; all of the SMMU's are little-endian. */
export function readWords(address: number, into: Uint32Array, memory: DmaPort): boolean {
  if (address >= 2 ** OUTPUT_ADDRESS_BITS) return false;
  const bytes = new Uint8Array(into.length * 4);
  if (!memory.read(address, bytes)) return false;
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < into.length; i++) into[i] = view.getUint32(i * 4, true);
  return true;
}

/** The address in the two words of a structure: bits 55:6. */
export function addressOf(low: number, high: number): number {
  return (high & 0xff_ffff) * 2 ** 32 + ((low & -64) >>> 0);
}

function alignDown(address: number, bits: number): number {
  return address - (address % 2 ** bits);
}
