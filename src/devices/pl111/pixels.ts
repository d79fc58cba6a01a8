import { LcdControl } from './registers.ts';

/** A color of 15 or 16 bits: how many each part has, the one of the lowest bits first. */
type Layout = readonly [low: number, middle: number, high: number];

/** Bits per pixel by LcdBpp (ARM DDI 0293 3.2.7), and for those without palette where the colors are. */
const FORMATS: readonly { readonly bits: number; readonly layout?: Layout }[] = [
  { bits: 1 },
  { bits: 2 },
  { bits: 4 },
  { bits: 8 },
  { bits: 16, layout: [5, 5, 5] },
  { bits: 32, layout: [8, 8, 8] },
  { bits: 16, layout: [5, 6, 5] },
  { bits: 16, layout: [4, 4, 4] },
];

/** Bytes of a line of pixels in memory. */
export function lineBytes(control: number, width: number): number {
  return (width * formatOf(control).bits) / 8;
}

/**
 * A line of the picture as it is shown.
 * @param control LCDControl
 * @param palette entries of 1:5:5:5, red in the lowest bits
 * @param line the line in memory
 * @param into red, green, blue of each pixel
 */
export function drawLine(control: number, palette: Uint16Array, line: Uint8Array, into: Uint8Array): void {
  const { bits, layout } = formatOf(control);
  const pixels = into.length / 3;
  const swapped = (control & LcdControl.BGR) !== 0;
  for (let n = 0; n < pixels; n++) {
    const value = pixelAt(line, n, bits, control);
    // The palette's colors have their places whatever BGR says, as on QEMU.
    if (layout === undefined) put(into, n, palette[value], [5, 5, 5], false);
    else put(into, n, value, layout, swapped);
  }
}

/** Tables 2-1 to 2-3: BEBO turns the bytes of a word around, BEPO the pixels of a byte. */
function pixelAt(line: Uint8Array, n: number, bits: number, control: number): number {
  const bigBytes = (control & LcdControl.BEBO) !== 0;
  if (bits === 32) return line[4 * n] | (line[4 * n + 1] << 8) | (line[4 * n + 2] << 16);
  if (bits === 16) {
    const at = 2 * (bigBytes ? n ^ 1 : n);
    return line[at] | (line[at + 1] << 8);
  }
  const perByte = 8 / bits;
  const at = Math.floor(n / perByte);
  const within = n % perByte;
  const shift = bits * (control & LcdControl.BEPO ? perByte - 1 - within : within);
  return (line[bigBytes ? at ^ 3 : at] >>> shift) & ((1 << bits) - 1);
}

function put(into: Uint8Array, n: number, value: number, layout: Layout, swapped: boolean): void {
  const [low, middle, high] = layout;
  const first = scaled(value, low);
  const last = scaled(value >>> (low + middle), high);
  into[3 * n] = swapped ? last : first;
  into[3 * n + 1] = scaled(value >>> low, middle);
  into[3 * n + 2] = swapped ? first : last;
}

/** The lowest bits of a value as a part of a color: all ones are 255. */
function scaled(value: number, bits: number): number {
  const largest = (1 << bits) - 1;
  return Math.round(((value & largest) * 255) / largest);
}

function formatOf(control: number) {
  return FORMATS[(control >>> LcdControl.BPP_SHIFT) & 7];
}
