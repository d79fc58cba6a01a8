/** Programming interface of a controller with these registers: mass storage, non-volatile memory, NVM Express. */
export const NVME_CLASS = 0x010802;

/** Controller registers in BAR 0 (NVM Express 1.4, 3.1): name, offset, bytes. */
export const NVME_REGISTERS: readonly (readonly [name: string, offset: number, size: number])[] = [
  ['CAP', 0x00, 8],
  ['VS', 0x08, 4],
  ['INTMS', 0x0c, 4],
  ['INTMC', 0x10, 4],
  ['CC', 0x14, 4],
  ['CSTS', 0x1c, 4],
  ['NSSR', 0x20, 4],
  ['AQA', 0x24, 4],
  ['ASQ', 0x28, 8],
  ['ACQ', 0x30, 8],
  ['CMBLOC', 0x38, 4],
  ['CMBSZ', 0x3c, 4],
  ['BPINFO', 0x40, 4],
  ['BPRSEL', 0x44, 4],
  ['BPMBL', 0x48, 8],
  ['CMBMSC', 0x50, 8],
  ['CMBSTS', 0x58, 4],
  ['PMRCAP', 0xe00, 4],
  ['PMRCTL', 0xe04, 4],
  ['PMRSTS', 0xe08, 4],
  ['PMREBS', 0xe0c, 4],
  ['PMRSWTP', 0xe10, 4],
  ['PMRMSC', 0xe14, 8],
];

/** Where the doorbells begin (3.1.24). */
const DOORBELLS = 0x1000;
/** CAP.DSTRD (3.1.1): bits 35:32. */
const DSTRD_MASK = 0xf;

/** The stride of the doorbells in bytes, from the upper word of CAP. */
export function doorbellStride(upperCap: number): number {
  return 4 << (upperCap & DSTRD_MASK);
}

/** The doorbell at an offset into BAR 0: the tail of submission queue y or the head of completion queue y (3.1.24, 3.1.25). */
export function doorbellName(offset: number, stride: number): string | undefined {
  if (offset < DOORBELLS || (offset - DOORBELLS) % stride !== 0) return undefined;
  const index = (offset - DOORBELLS) / stride;
  const queue = index >> 1;
  return index % 2 === 0 ? `SQ${queue}TDBL` : `CQ${queue}HDBL`;
}
