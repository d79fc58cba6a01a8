/** Of a number of 53 bits. */
const MAX_BYTES = 8;

/**
 * A column of whole numbers from 0 to 2^53 - 1 as bytes: differences of neighbours, lowest bits first, bit 7 of a byte set when
 * more follow, and in bit 0 of the first the sign. What is alike from row to row becomes a byte or two, which deflate makes
 * smaller yet.
 */
export class NumberColumn {
  private bytes = new Uint8Array(1 << 12);
  private length = 0;
  private last = 0;

  push(value: number): void {
    const difference = value - this.last;
    this.last = value;
    const magnitude = Math.abs(difference);
    if (this.length + MAX_BYTES > this.bytes.length) this.grow();
    let rest = Math.floor(magnitude / 0x40);
    this.bytes[this.length++] = (rest > 0 ? 0x80 : 0) | ((magnitude % 0x40) << 1) | (difference < 0 ? 1 : 0);
    while (rest > 0) {
      const low = rest % 0x80;
      rest = Math.floor(rest / 0x80);
      this.bytes[this.length++] = (rest > 0 ? 0x80 : 0) | low;
    }
  }

  /** What `readColumn` reads. */
  packed(): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(0, this.length);
  }

  private grow(): void {
    const larger = new Uint8Array(2 * this.bytes.length);
    larger.set(this.bytes);
    this.bytes = larger;
  }
}

/** Fills a column of the wanted type from what `NumberColumn.packed` gave. */
export function readColumn<Column extends Float64Array | Uint32Array | Uint16Array | Uint8Array>(
  bytes: Uint8Array,
  column: Column,
): Column {
  let at = 0;
  let value = 0;
  for (let row = 0; row < column.length; row++) {
    let byte = bytes[at++];
    const isNegative = (byte & 1) === 1;
    let magnitude = (byte & 0x7f) >> 1;
    for (let scale = 0x40; byte >= 0x80; scale *= 0x80) {
      byte = bytes[at++];
      magnitude += (byte & 0x7f) * scale;
    }
    value += isNegative ? -magnitude : magnitude;
    column[row] = value;
  }
  return column;
}
