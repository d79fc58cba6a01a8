/** NZCV of a + b + carry (AddWithCarry, ARM DDI 0406C A2.2.1), in bits 31:28. */
export function nzcvOfAdd(a: number, b: number, carry: number): number {
  const r = (a + b + carry) | 0;
  const wide = (a >>> 0) + (b >>> 0) + carry;
  return (
    (r & -0x80000000) |
    (r === 0 ? 0x40000000 : 0) |
    (wide > 0xffffffff ? 0x20000000 : 0) |
    (((~(a ^ b) & (a ^ r)) >>> 3) & 0x10000000)
  );
}

function conditionHolds(condition: number, nzcv: number): boolean {
  const n = (nzcv >> 3) & 1;
  const z = (nzcv >> 2) & 1;
  const c = (nzcv >> 1) & 1;
  const v = nzcv & 1;
  // ARM DDI 0406C A8.3: the low bit inverts, except for AL.
  const base = [z === 1, c === 1, n === 1, v === 1, c === 1 && z === 0, n === v, n === v && z === 0, true][
    condition >> 1
  ];
  return (condition & 1) === 1 && condition < 14 ? !base : base;
}

/** For each condition a 16-bit set: bit NZCV says whether it holds. */
export const CONDITION_TABLE: Int32Array = Int32Array.from({ length: 16 }, (_unused, condition) => {
  let set = 0;
  for (let nzcv = 0; nzcv < 16; nzcv++) if (conditionHolds(condition, nzcv)) set |= 1 << nzcv;
  return set;
});
