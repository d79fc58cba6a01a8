import { SECTOR_BYTES } from '../../ports/disk.ts';
import type { DescriptorChain } from './descriptor-chain.ts';

/** Request types (Virtio 1.1 5.2.6). */
const BlockRequestType = {
  IN: 0,
  OUT: 1,
  FLUSH: 4,
  GET_ID: 8,
  DISCARD: 11,
  WRITE_ZEROES: 13,
} as const;

/** What the last byte of a request says in the end. */
export const BlockStatus = { OK: 0, IOERR: 1, UNSUPP: 2 } as const;

/** Type, a reserved word and the first sector; then the data. */
export const HEADER_BYTES = 16;
/** Flag of a DISCARD or WRITE_ZEROES segment. */
const UNMAP = 1;

/** What a request asks for, checked: the range lies on the disk. */
export type BlockOperation =
  | { readonly kind: 'read' | 'write' | 'discard'; readonly offset: number; readonly length: number }
  | { readonly kind: 'zeroes'; readonly offset: number; readonly length: number; readonly mayUnmap: boolean }
  | { readonly kind: 'flush' | 'id' }
  /** Nothing is done. */
  | { readonly kind: 'refused'; readonly status: number };

/** What of a disk decides about a request. */
export interface BlockLimits {
  /** In bytes. */
  readonly size: number;
  readonly readOnly: boolean;
  /** Sectors that a DISCARD or WRITE_ZEROES may cover. */
  readonly maxZeroedSectors: number;
}

const IO_ERROR: BlockOperation = { kind: 'refused', status: BlockStatus.IOERR };
const UNSUPPORTED: BlockOperation = { kind: 'refused', status: BlockStatus.UNSUPP };

/** Reads a request's header. @returns undefined when the chain has no room for header and status, or can't be read */
export function parseRequest(chain: DescriptorChain, limits: BlockLimits): BlockOperation | undefined {
  const header = new Uint8Array(HEADER_BYTES);
  if (chain.writableBytes < 1 || !chain.read(0, header)) return undefined;
  const view = new DataView(header.buffer);
  const offset = (view.getUint32(8, true) + view.getUint32(12, true) * 2 ** 32) * SECTOR_BYTES;
  switch (view.getUint32(0, true)) {
    case BlockRequestType.IN:
      return transfer('read', offset, chain.writableBytes - 1, limits);
    case BlockRequestType.OUT:
      if (limits.readOnly) return IO_ERROR;
      return transfer('write', offset, chain.readableBytes - HEADER_BYTES, limits);
    case BlockRequestType.FLUSH:
      return { kind: 'flush' };
    case BlockRequestType.GET_ID:
      return { kind: 'id' };
    case BlockRequestType.DISCARD:
      return parseZeroing(chain, limits, 'discard');
    case BlockRequestType.WRITE_ZEROES:
      return parseZeroing(chain, limits, 'zeroes');
    default:
      return UNSUPPORTED;
  }
}

function transfer(
  kind: 'read' | 'write',
  offset: number,
  length: number,
  limits: BlockLimits,
): BlockOperation {
  const fits = length % SECTOR_BYTES === 0 && offset + length <= limits.size;
  return fits ? { kind, offset, length } : IO_ERROR;
}

/** One segment (5.2.6: max_discard_seg and max_write_zeroes_seg are 1): sector, count, flags. */
function parseZeroing(
  chain: DescriptorChain,
  limits: BlockLimits,
  kind: 'discard' | 'zeroes',
): BlockOperation {
  if (limits.readOnly) return IO_ERROR;
  const segment = new Uint8Array(16);
  if (chain.readableBytes !== HEADER_BYTES + segment.length || !chain.read(HEADER_BYTES, segment))
    return UNSUPPORTED;
  const view = new DataView(segment.buffer);
  const offset = (view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32) * SECTOR_BYTES;
  const sectors = view.getUint32(8, true);
  const flags = view.getUint32(12, true);
  if ((flags & ~(kind === 'zeroes' ? UNMAP : 0)) !== 0) return UNSUPPORTED;
  const length = sectors * SECTOR_BYTES;
  if (sectors > limits.maxZeroedSectors || offset + length > limits.size) return IO_ERROR;
  return kind === 'discard'
    ? { kind, offset, length }
    : { kind, offset, length, mayUnmap: (flags & UNMAP) !== 0 };
}
