const TABLE = Uint32Array.from({ length: 256 }, (_unused, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb8_8320 : crc >>> 1;
  return crc;
});

/** The CRC of Ethernet before its complement, the first bit of the wire in bit 0 (IEEE 802.3 3.2.9). */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return crc >>> 0;
}

/** The frame check sequence of a frame, in the order of the wire. */
export function frameCheckSequence(frame: Uint8Array): Uint8Array {
  const fcs = ~crc32(frame);
  return Uint8Array.of(fcs, fcs >>> 8, fcs >>> 16, fcs >>> 24);
}

/** The upper six bits of an address' CRC, by which MACs look into their hash tables: 0 to 63. */
export function addressHash(address: Uint8Array): number {
  const crc = crc32(address);
  let hash = 0;
  for (let bit = 0; bit < 6; bit++) hash = (hash << 1) | ((crc >>> bit) & 1);
  return hash;
}
