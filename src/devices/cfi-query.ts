/** What a flash bank of interleaved devices looks like to its query. */
export interface FlashGeometry {
  /** Bytes of one device. */
  readonly deviceBytes: number;
  /** Bytes of one block of one device, a multiple of 256. */
  readonly blockBytes: number;
  /** Bytes of its program buffer, a power of two. */
  readonly bufferBytes: number;
}

const ascii = (text: string): number[] => [...text].map((letter) => letter.charCodeAt(0));
const little16 = (value: number): number[] => [value & 0xff, (value >>> 8) & 0xff];
const log2 = (value: number): number => 31 - Math.clz32(value);

/** Offset of the primary vendor table. */
const PRIMARY_TABLE = 0x31;

/**
 * The query structure of one device, by word address from 0 (JEDEC JESD68.01, tables 1 to 3; Intel's command set 1,
 * JEP137). Voltages and times are those of QEMU's flash, which some firmware prints.
 */
export function cfiQueryTable({ deviceBytes, blockBytes, bufferBytes }: FlashGeometry): Uint8Array {
  const table = new Uint8Array(0x52);
  const put = (at: number, ...values: number[]): void => table.set(values, at);
  put(0x10, ...ascii('QRY'), ...little16(1), ...little16(PRIMARY_TABLE));
  // Supply 4.5 to 5.5 V, no separate programming voltage.
  put(0x1b, 0x45, 0x55, 0, 0);
  // Typical times as powers of two: word and buffer program in microseconds, block erase in milliseconds; then maxima.
  put(0x1f, 0x07, 0x07, 0x0a, 0x00, 0x04, 0x04, 0x04, 0x00);
  put(0x27, log2(deviceBytes));
  // A device for 8 and 16 bit buses; its buffer; one region of equal blocks.
  put(0x28, ...little16(2), ...little16(log2(bufferBytes)), 1);
  put(0x2d, ...little16(deviceBytes / blockBytes - 1), ...little16(blockBytes / 256));
  put(PRIMARY_TABLE, ...ascii('PRI10'));
  // One protection register field, as the table must name at least one.
  put(0x3f, 0x01);
  return table;
}
