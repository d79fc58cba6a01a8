import type { PhysicalMemory } from '../memory/physical-memory.ts';
import type { ArmCpu } from './cpu.ts';

/** HLT (ARM DDI 0487 F5.1.60), always executed. */
const HLT_A32 = 0xe1000070;
const HLT_T16 = 0xba80;

/**
 * The comment of the instruction at `pc` if it is HLT, which is UNDEFINED in ARMv7 and asks for semihosting (ARM DUI 0471);
 * undefined where it is another one.
 */
export function haltComment(
  cpu: ArmCpu,
  physical: PhysicalMemory,
  pc: number,
  thumb: boolean,
): number | undefined {
  const pa = cpu.mmu.translateForDebug(pc);
  if (pa < 0 || !physical.isRam(pa)) return undefined;
  const encoding = physical.read(pa, thumb ? 2 : 4, cpu.mmu.privilegedRequester);
  if (thumb) return (encoding & 0xffc0) === HLT_T16 ? encoding & 0x3f : undefined;
  if ((encoding & 0xfff000f0) >>> 0 !== HLT_A32) return undefined;
  return ((encoding >>> 4) & 0xfff0) | (encoding & 15);
}
