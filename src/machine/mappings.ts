import type { ArmCpu } from '../arm/cpu.ts';
import { Sctlr, TTBCR_EAE } from '../arm/system-registers.ts';
import { BUS_ERROR, type PhysicalMemory } from '../memory/physical-memory.ts';
import { walkLong } from '../vmsa/long-descriptor.ts';
import { walkShort } from '../vmsa/short-descriptor.ts';
import { FaultKind, Rights, type TableRead, WalkResult } from '../vmsa/walk.ts';
import type { Mapping } from './monitor.ts';

/** log2 of what a missing descriptor of a level leaves unmapped, in the short and in the long format. */
const SHORT_SPAN = [0, 20, 12];
const LONG_SPAN = [0, 30, 21, 12];
const ADDRESSES = 2 ** 32;

/** What a CPU's translation tables map, ranges in a row joined; undefined while its MMU is off. */
export function mappingsOf(cpu: ArmCpu, physical: PhysicalMemory): Mapping[] | undefined {
  const { regs } = cpu;
  if ((regs.SCTLR & Sctlr.M) === 0) return undefined;
  const long = (regs.TTBCR & TTBCR_EAE) !== 0;
  const read: TableRead = (address) => {
    // Tables are in RAM: a device's registers are not to be read by a look at them.
    const value = physical.isRam(address)
      ? physical.read(address, 4, cpu.mmu.privilegedRequester)
      : BUS_ERROR;
    return value === BUS_ERROR ? undefined : value;
  };
  const regime = {
    ttbr0: regs.TTBR0,
    ttbr0High: regs.TTBR0High,
    ttbr1: regs.TTBR1,
    ttbr1High: regs.TTBR1High,
    ttbcr: regs.TTBCR,
    accessFlagEnable: (regs.SCTLR & Sctlr.AFE) !== 0,
    bigEndianTables: (regs.SCTLR & Sctlr.EE) !== 0,
    hasPxn: cpu.model.features.lpae,
  };
  const walk = new WalkResult();
  const found: Mapping[] = [];
  for (let va = 0; va < ADDRESSES; ) {
    if (long) walkLong(va, regime, read, walk);
    else walkShort(va, regime, read, walk);
    const mapped = walk.fault === FaultKind.None;
    const size = 2 ** (mapped ? walk.leafBits : ((long ? LONG_SPAN : SHORT_SPAN)[walk.level] ?? 12));
    // A leaf may have been entered in its middle, behind a finer one.
    const next = va - (va % size) + size;
    if (mapped)
      add(found, { virtual: va, physical: walk.physical, size: next - va, rights: text(walk.rights) });
    va = next;
  }
  return found;
}

function add(found: Mapping[], mapping: Mapping): void {
  const last = found.at(-1);
  const joins =
    last !== undefined &&
    last.virtual + last.size === mapping.virtual &&
    last.physical + last.size === mapping.physical &&
    last.rights === mapping.rights;
  if (joins) found[found.length - 1] = { ...last, size: last.size + mapping.size };
  else found.push(mapping);
}

const LETTERS = [
  [Rights.PrivilegedRead, 'r'],
  [Rights.PrivilegedWrite, 'w'],
  [Rights.PrivilegedExecute, 'x'],
  [Rights.None, ' '],
  [Rights.UserRead, 'r'],
  [Rights.UserWrite, 'w'],
  [Rights.UserExecute, 'x'],
] as const;

function text(rights: number): string {
  return LETTERS.map(([bit, letter]) => (bit === 0 || (rights & bit) !== 0 ? letter : '-')).join('');
}
