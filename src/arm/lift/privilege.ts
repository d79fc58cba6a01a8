import type { IrValue } from '../../translator/ir/value.ts';
import { Psr } from '../cpu-state.ts';
import { Mode } from '../modes.ts';
import { ExceptionKind, StateSlot } from '../state.ts';
import type { Lifter } from './lifter.ts';

/** Of all modes only User has zeros here (Table B1-1). */
const NOT_USER = 0xf;

/** Not 0 in a privileged mode. */
export function privileged(l: Lifter): IrValue {
  return l.privilegeKnown ? l.const(1) : l.b.and(l.b.get(StateSlot.AIFM), l.const(NOT_USER));
}

/**
 * Makes the instruction UNDEFINED in User mode. Costs nothing where an earlier instruction of the block has asked: what
 * changes the mode ends the block.
 */
export function requirePrivilege(l: Lifter): void {
  if (l.privilegeKnown) return;
  const { b } = l;
  const skip = b.newLabel();
  b.skipIfZero(b.pure('eq', [privileged(l), l.const(0)]), skip);
  b.exit('exitRaise', [], ExceptionKind.Undefined, 0);
  b.label(skip);
  l.privilegeKnown = true;
}

/** Not 0 in a mode that has an SPSR: all but User and System, whose numbers end in 0 and 15. */
export function modeHasSpsr(l: Lifter): IrValue {
  return l.b.and(l.b.add(l.b.get(StateSlot.AIFM), l.const(1)), l.const(0xe));
}

/** Not 0 in FIQ mode, which has R8 to R12 of its own. */
export function inFiqMode(l: Lifter): IrValue {
  return l.b.pure('eq', [l.b.and(l.b.get(StateSlot.AIFM), l.const(Psr.M)), l.const(Mode.Fiq)]);
}

/**
 * Ends the block after the instruction where an interrupt is pending that its new masks let through: it is taken there.
 * @param masks the AIFM slot's value from now on.
 */
export function leaveForInterrupt(l: Lifter, masks: IrValue): void {
  const { b } = l;
  const skip = b.newLabel();
  b.skipIfZero(b.pure('andNot', [b.get(StateSlot.PendingInterrupts), masks]), skip);
  leaveForContext(l);
  b.label(skip);
}

/** The way out of the block, inside a skip, for what has changed its context. */
export function leaveForContext(l: Lifter): void {
  l.restoreIt();
  l.b.exit('exitResync', [], l.nextPc);
}
