/** A field of a register: its highest and its lowest bit, and its value. */
type Field = readonly [high: number, low: number, value: number];

/** CURRENT_STATE of the card status (SD Physical Layer Simplified Specification 4.10.1). */
export const CardState = {
  idle: 0,
  ready: 1,
  ident: 2,
  stby: 3,
  tran: 4,
  data: 5,
  rcv: 6,
  prg: 7,
  dis: 8,
  /** Inactive (4.1): never told, for such a card answers nothing. */
  ina: 15,
} as const;

/** Card status, the content of R1 (4.10.1, table 4-42). */
export const CardStatus = {
  OUT_OF_RANGE: 0x8000_0000,
  ADDRESS_ERROR: 0x4000_0000,
  BLOCK_LEN_ERROR: 0x2000_0000,
  ERASE_SEQ_ERROR: 0x1000_0000,
  ERASE_PARAM: 0x0800_0000,
  WP_VIOLATION: 0x0400_0000,
  ILLEGAL_COMMAND: 0x0040_0000,
  CARD_ECC_FAILED: 0x0020_0000,
  ERROR: 0x0008_0000,
  ERASE_RESET: 0x0000_2000,
  /** CURRENT_STATE is above it. */
  STATE_SHIFT: 9,
  READY_FOR_DATA: 0x100,
  APP_CMD: 0x20,
} as const;

/** Operation conditions register, the content of R3 (5.1). */
export const OperationConditions = {
  /** 2.7 to 3.6 V. */
  VOLTAGES: 0x00ff_8000,
  /** Card Capacity Status: its addresses are block numbers. In an argument: Host Capacity Support. */
  CCS: 0x4000_0000,
  /** The card has finished its power up. */
  READY: 0x8000_0000,
} as const;

/** Data blocks of cards of high capacity, and by default of the others. */
export const BLOCK_BYTES = 512;
/** Cards up to here have CSD version 1 and byte addresses (3.3.2). */
export const STANDARD_CAPACITY_LIMIT = 2 ** 31;
/** SDXC; version 2 of the CSD has no room for more (5.3.3). */
export const MAX_CARD_BYTES = 2 ** 41;
/** The unit of C_SIZE with the largest C_SIZE_MULT and blocks of 512 bytes (5.3.2). */
export const MIN_CARD_BYTES = 2 ** 18;

/** Classes 0, 2, 4, 5, 8 and 10: basic, block read, block write, erase, application specific, switch (4.7.3). */
const COMMAND_CLASSES = 0x535;
const C_SIZE_MULT = 7;
const HIGH_CAPACITY_UNIT = 512 * 1024;

/** Card-specific data of a card of this size, a power of two (5.3). */
export function cardSpecificData(size: number): Uint8Array {
  const common: readonly Field[] = [
    // 25 MHz.
    [103, 96, 0x32],
    [95, 84, COMMAND_CLASSES],
    // ERASE_BLK_EN: single blocks can be erased; SECTOR_SIZE 128 blocks.
    [46, 46, 1],
    [45, 39, 0x7f],
    // R2W_FACTOR: programming takes four times as long as reading.
    [28, 26, 2],
  ];
  if (size > STANDARD_CAPACITY_LIMIT) {
    return packWithCrc(128, [
      ...common,
      [127, 126, 1],
      // TAAC: fixed to 1 ms.
      [119, 112, 0x0e],
      [83, 80, 9],
      [69, 48, size / HIGH_CAPACITY_UNIT - 1],
      [25, 22, 9],
    ]);
  }
  const blockLength = size > 2 ** 30 ? 10 : 9;
  return packWithCrc(128, [
    ...common,
    [119, 112, 0x26],
    [83, 80, blockLength],
    // READ_BL_PARTIAL.
    [79, 79, 1],
    [73, 62, size / 2 ** (blockLength + C_SIZE_MULT + 2) - 1],
    [49, 47, C_SIZE_MULT],
    [25, 22, blockLength],
  ]);
}

/** Card identification (5.2): manufacturer 0xaa, as emulators have, product ARMEM 1.0, made in January 2026. */
export function cardIdentification(): Uint8Array {
  return packWithCrc(128, [
    [127, 120, 0xaa],
    [119, 104, asciiNumber('AE')],
    [103, 96, asciiNumber('A')],
    [95, 64, asciiNumber('RMEM')],
    [63, 56, 0x10],
    [55, 24, 1],
    [19, 8, (26 << 4) | 1],
  ]);
}

/** SD configuration register (5.6): version 2.00, one and four data lines; erased blocks read as zeros. */
export function configurationRegister(): Uint8Array {
  return pack(64, [
    [59, 56, 2],
    [54, 52, 2],
    [51, 48, 5],
  ]);
}

/** SD status (4.10.2). @param wide whether four data lines are used */
export function sdStatus(wide: boolean): Uint8Array {
  return pack(512, [[511, 510, wide ? 2 : 0]]);
}

/** Function group 1 of CMD6 (4.3.10): default speed and high speed; the other groups have their default only. */
const SUPPORTED_FUNCTIONS = [0x8003, 0x8001, 0x8001, 0x8001, 0x8001, 0x8001] as const;
const NO_CHANGE = 0xf;
const CURRENT_MILLIAMPERE = 100;

/**
 * Answer to CMD6, the switch function status (4.3.10.4).
 * @param argument a function of four bits for each group, 0xf for no change
 * @param current the access mode that is in use
 * @returns the status, and the access mode that was asked for; undefined when a function is not there
 */
export function switchFunction(
  argument: number,
  current: number,
): { readonly status: Uint8Array; readonly accessMode: number | undefined } {
  const chosen = SUPPORTED_FUNCTIONS.map((supported, group) => {
    const wanted = (argument >>> (4 * group)) & 0xf;
    if (wanted === NO_CHANGE) return group === 0 ? current : 0;
    return (supported >>> wanted) & 1 ? wanted : NO_CHANGE;
  });
  const possible = !chosen.includes(NO_CHANGE);
  const status = pack(512, [
    [511, 496, possible ? CURRENT_MILLIAMPERE : 0],
    ...SUPPORTED_FUNCTIONS.map((bits, group): Field => [415 + 16 * group, 400 + 16 * group, bits]),
    ...chosen.map((wanted, group): Field => [379 + 4 * group, 376 + 4 * group, wanted]),
  ]);
  return { status, accessMode: possible ? chosen[0] : undefined };
}

/** The bytes of a register, the highest bits first, as they go over the wire. */
function pack(bits: number, fields: readonly Field[]): Uint8Array {
  let value = 0n;
  for (const [high, low, field] of fields) {
    value |= BigInt.asUintN(high - low + 1, BigInt(field)) << BigInt(low);
  }
  return Uint8Array.from({ length: bits / 8 }, (_, i) => Number((value >> BigInt(bits - 8 - 8 * i)) & 0xffn));
}

/** CSD and CID end with their CRC7 and a one. */
function packWithCrc(bits: number, fields: readonly Field[]): Uint8Array {
  const bytes = pack(bits, fields);
  bytes[bytes.length - 1] = (crc7(bytes.subarray(0, -1)) << 1) | 1;
  return bytes;
}

/** x^7 + x^3 + 1 (4.5). */
export function crc7(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      const out = ((crc >>> 6) ^ (byte >>> bit)) & 1;
      crc = ((crc << 1) & 0x7f) ^ (out ? 0x09 : 0);
    }
  }
  return crc;
}

function asciiNumber(text: string): number {
  return [...text].reduce((value, char) => value * 256 + char.charCodeAt(0), 0);
}
