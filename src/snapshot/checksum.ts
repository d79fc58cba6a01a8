/** Odd constants that spread bits; any with about as many ones as zeros would do. */
const SPREAD_1 = 0x9e3779b1;
const SPREAD_2 = 0x85ebca77;
const SPREAD_3 = 0xc2b2ae3d;

/**
 * A 32-bit checksum against damage (not against malice), made for hundreds of megabytes: four lanes, each a
 * multiply-rotate-multiply chain over every fourth word, in which every bit of a word changes the end.
 */
export function checksum(bytes: Uint8Array): number {
  const whole = bytes.length >>> 2;
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const words = new Int32Array(aligned.buffer, aligned.byteOffset, whole);
  let [a, b, c, d] = [SPREAD_1 | 0, SPREAD_2 | 0, SPREAD_3 | 0, bytes.length | 0];
  const rounds = whole & ~3;
  for (let i = 0; i < rounds; i += 4) {
    a = mix(a, words[i]);
    b = mix(b, words[i + 1]);
    c = mix(c, words[i + 2]);
    d = mix(d, words[i + 3]);
  }
  for (let i = rounds; i < whole; i++) a = mix(a, words[i]);
  for (let i = whole * 4; i < bytes.length; i++) b = mix(b, bytes[i]);
  let sum = mix(mix(mix(a, b), c), d);
  sum = Math.imul(sum ^ (sum >>> 15), SPREAD_2);
  sum = Math.imul(sum ^ (sum >>> 13), SPREAD_3);
  return (sum ^ (sum >>> 16)) >>> 0;
}

function mix(lane: number, word: number): number {
  const sum = (lane + Math.imul(word, SPREAD_2)) | 0;
  return Math.imul((sum << 13) | (sum >>> 19), SPREAD_1);
}
