import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { embeddedFirmware } from '../../src/boot/embedded-firmware.ts';

const RAM_BASE = 0x40000000;
const MIB = 0x100000;
const EM_ARM = 40;
const PT_LOAD = 1;

interface Segment {
  readonly fileOffset: number;
  readonly virtualAddress: number;
  readonly physicalAddress: number;
  readonly fileSize: number;
  readonly memorySize: number;
}

function loadSegments(image: Uint8Array): Segment[] {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const segments: Segment[] = [];
  const table = view.getUint32(28, true);
  for (let i = 0; i < view.getUint16(44, true); i++) {
    const at = table + i * view.getUint16(42, true);
    if (view.getUint32(at, true) !== PT_LOAD) continue;
    const word = (index: number): number => view.getUint32(at + index * 4, true);
    segments.push({
      fileOffset: word(1),
      virtualAddress: word(2),
      physicalAddress: word(3),
      fileSize: word(4),
      memorySize: word(5),
    });
  }
  return segments;
}

describe('the embedded firmware', () => {
  const image = embeddedFirmware();
  const view = new DataView(image.buffer);

  it('is the committed image, byte for byte', () => {
    const committed = readFileSync(new URL('../../firmware/prebuilt/armemu.elf', import.meta.url));
    expect(Buffer.from(image).equals(committed)).toBe(true);
  });

  it('is a little-endian ELF32 executable for Arm below 64 KiB', () => {
    expect([...image.subarray(0, 6)]).toEqual([0x7f, 0x45, 0x4c, 0x46, 1, 1]);
    expect(view.getUint16(16, true)).toBe(2);
    expect(view.getUint16(18, true)).toBe(EM_ARM);
    expect(image.length).toBeLessThan(64 * 1024);
  });

  it('leaves the first MiB of RAM to the device tree blob', () => {
    for (const segment of loadSegments(image)) {
      expect(segment.virtualAddress).toBe(segment.physicalAddress);
      expect(segment.physicalAddress).toBeGreaterThanOrEqual(RAM_BASE + MIB);
    }
  });

  it('starts inside its first segment, in A32 state', () => {
    const entry = view.getUint32(24, true);
    const [text] = loadSegments(image);
    expect(entry & 3).toBe(0);
    expect(entry).toBeGreaterThanOrEqual(text!.virtualAddress);
    expect(entry).toBeLessThan(text!.virtualAddress + text!.fileSize);
  });

  it('has no initialised writable data, so that it can be started again without being loaded again', () => {
    const [, ...others] = loadSegments(image);
    expect(others.map((segment) => segment.fileSize)).toEqual([0]);
  });

  it('lies in the third MiB of RAM wherever that starts', () => {
    for (const ramBase of [0x6000_0000, 0x8000_0000]) {
      const moved = embeddedFirmware(ramBase);
      const places = (bytes: Uint8Array) => loadSegments(bytes).map((segment) => segment.physicalAddress);
      expect(places(moved)).toEqual(places(image).map((address) => address - RAM_BASE + ramBase));
      expect(new DataView(moved.buffer).getUint32(24, true)).toBe(
        view.getUint32(24, true) - RAM_BASE + ramBase,
      );
      expect(moved.length).toBe(image.length);
    }
  });

  it('gives a new array at each call', () => {
    const other = embeddedFirmware();
    other.fill(0);
    expect(embeddedFirmware()[0]).toBe(0x7f);
  });
});
