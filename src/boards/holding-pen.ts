import { GICC } from '../devices/gic-v2-cpu-interface.ts';
import type { BoardDescription, RowOf } from './board.ts';

/** Every priority that a GIC has passes (IHI 0048B 4.4.2). */
const LOWEST_PRIORITY = 0xff;
/** GICC_CTLR: both groups are signaled. */
const BOTH_GROUPS = 3;

/** Words of data behind the code, by the distance of PC-relative loads from their instruction. */
const CODE_WORDS = 12;

/**
 * What a CPU does in a holding pen, in A32: it lets interrupts through its own interface of the GIC, so that one wakes it,
 * and looks at the start register each time that one does.
 * @throws RangeError when the board's table has no GICv2
 */
export function holdingPenCode(pen: RowOf<'holding-pen'>, board: BoardDescription): Uint8Array {
  const gic = board.devices.find((row): row is RowOf<'gic-v2'> => row.kind === 'gic-v2');
  if (gic === undefined) throw new RangeError(`the table of ${board.name} has a holding pen and no GICv2`);
  /** LDR Rt, [PC, #distance]: PC is two instructions ahead (ARM DDI 0406C A8.8.65). */
  const literal = (register: number, at: number, datum: number): number =>
    0xe59f0000 | (register << 12) | ((CODE_WORDS + datum - at - 2) * 4);
  const words = [
    literal(0, 0, 0), // LDR R0, =GICC
    0xe3a01000 | LOWEST_PRIORITY, // MOV R1, #priority
    0xe5801000 | GICC.PMR, // STR R1, [R0, #PMR]
    0xe3a01000 | BOTH_GROUPS, // MOV R1, #groups
    0xe5801000 | GICC.CTLR, // STR R1, [R0, #CTLR]
    literal(2, 5, 1), // LDR R2, =start register
    0xf57ff04f, // DSB SY
    0xe320f003, // wait: WFI
    0xe5921000, // LDR R1, [R2]
    0xe3510000, // CMP R1, #0
    0x0afffffb, // BEQ wait
    0xe12fff11, // BX R1
    gic.cpuInterface.base,
    pen.startRegister,
  ];
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [i, word] of words.entries()) view.setUint32(i * 4, word, true);
  return bytes;
}
