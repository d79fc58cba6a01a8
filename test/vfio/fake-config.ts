/** Builds the configuration space of a device, register by register. */
export class ConfigBuilder {
  readonly bytes: Uint8Array;
  private readonly view: DataView;
  private lastPointer = 0x34;
  private lastExtended: number | undefined;

  constructor(size: 256 | 4096 = 4096) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
  }

  set(offset: number, size: 1 | 2 | 4, value: number): this {
    if (size === 1) this.view.setUint8(offset, value);
    else if (size === 2) this.view.setUint16(offset, value, true);
    else this.view.setUint32(offset, value, true);
    return this;
  }

  /** Links a capability in at `offset`; `body` are the bytes after its two header bytes. */
  capability(id: number, offset: number, body: readonly number[]): this {
    this.bytes[0x06] |= 0x10;
    this.bytes[this.lastPointer] = offset;
    this.bytes[offset] = id;
    this.bytes[offset + 1] = 0;
    this.bytes.set(body, offset + 2);
    this.lastPointer = offset + 1;
    return this;
  }

  /** Links an extended capability in; the first one must be at 0x100. `body` are the bytes after its header. */
  extended(id: number, version: number, offset: number, body: readonly number[] = []): this {
    if (this.lastExtended !== undefined) {
      const header = this.view.getUint32(this.lastExtended, true);
      this.view.setUint32(this.lastExtended, ((header & 0xfffff) | (offset << 20)) >>> 0, true);
    }
    this.view.setUint32(offset, (version << 16) | id, true);
    this.bytes.set(body, offset + 4);
    this.lastExtended = offset;
    return this;
  }
}

/** A network card like an e1000e: two memory BARs, an I/O BAR, PM, MSI, MSI-X and PCI Express. */
export function cardConfig(): ConfigBuilder {
  return new ConfigBuilder()
    .set(0x00, 4, 0x10d3_8086)
    .set(0x08, 4, 0x0200_0003)
    .set(0x10, 4, 0xfe000000)
    .set(0x14, 4, 0xfe10000c)
    .set(0x1c, 4, 0x0000e001)
    .set(0x2c, 4, 0x1234_8086)
    .set(0x3c, 2, 0x0200)
    .capability(0x01, 0xc8, [0x23, 0xc8, 0, 0, 0, 0])
    .capability(0x05, 0xd0, [0x84, 0x01])
    .capability(0x10, 0xe0, [0x01, 0x00])
    .capability(0x11, 0xa0, [0x04, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x20, 0x00, 0x00]);
}
