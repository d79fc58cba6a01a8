/** Bytes in a block of the NVMe drive. */
export const BLOCK_SIZE = 512;

/** Blocks on the NVMe drive, unless a kind of host has a larger one: 1 MiB. */
export const BLOCK_COUNT = 2048;

/**
 * The drive's known contents: no two blocks are alike, and no block is a rotation of its neighbour, so that data from a
 * wrong block or a wrong offset can't pass for the right one.
 * @param {number} block
 * @returns {Uint8Array} BLOCK_SIZE bytes
 */
export function blockPattern(block) {
  const bytes = new Uint8Array(BLOCK_SIZE);
  let word = (Math.imul(block + 1, 0x9e3779b1) ^ 0x5bd1e995) >>> 0;
  for (let index = 0; index < BLOCK_SIZE; index++) {
    word = (Math.imul(word, 1664525) + 1013904223) >>> 0;
    bytes[index] = word >>> 24;
  }
  return bytes;
}

/** @param {number} blocks @returns {Uint8Array} the whole drive */
export function drivePattern(blocks) {
  const drive = new Uint8Array(BLOCK_SIZE * blocks);
  for (let block = 0; block < blocks; block++) drive.set(blockPattern(block), block * BLOCK_SIZE);
  return drive;
}
