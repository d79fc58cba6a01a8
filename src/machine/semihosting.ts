import type { ArmCpu } from '../arm/cpu.ts';
import type { PhysicalMemory } from '../memory/physical-memory.ts';

/** Supervisor calls that mean semihosting (ARM DUI 0471, 8.1). */
const SVC_ARM = 0x123456;
const SVC_THUMB = 0xab;

const SYS_EXIT = 0x18;
const SYS_EXIT_EXTENDED = 0x20;
/** The reason that means success. */
const ADP_STOPPED_APPLICATION_EXIT = 0x20026;

/**
 * The semihosting calls by which a program ends the machine with an exit code.
 * @returns the exit code, or undefined when the call is none of them.
 */
export function semihostingExitCode(
  cpu: ArmCpu,
  memory: PhysicalMemory,
  thumb: boolean,
  comment: number,
): number | undefined {
  if (comment !== (thumb ? SVC_THUMB : SVC_ARM)) return undefined;
  const [operation, argument] = cpu.state.slots;
  if (operation === SYS_EXIT) return argument === ADP_STOPPED_APPLICATION_EXIT ? 0 : 1;
  if (operation !== SYS_EXIT_EXTENDED) return undefined;
  const block = new Uint8Array(8);
  const pa = cpu.mmu.translateForDebug(argument);
  if (
    pa < 0 ||
    !memory.readBytes(pa, block, { kind: 'cpu', cpu: cpu.cpu, streamId: 0, secure: false, privileged: true })
  ) {
    return 1;
  }
  const view = new DataView(block.buffer);
  if (view.getUint32(0, true) !== ADP_STOPPED_APPLICATION_EXIT) return 1;
  return view.getUint32(4, true) & 0xff;
}
