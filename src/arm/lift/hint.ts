import { WaitKind } from '../../translator/ir/ops.ts';
import { ARM_HELPERS } from '../helpers.ts';
import { StateSlot } from '../state.ts';
import type { Lifter } from './lifter.ts';

/** NOP, and all hints that are not allocated. */
export function nop(): void {}

export function yieldHint(l: Lifter): void {
  l.wait(WaitKind.Yield);
}

export function waitForEvent(l: Lifter): void {
  l.wait(WaitKind.Wfe);
}

export function waitForInterrupt(l: Lifter): void {
  l.wait(WaitKind.Wfi);
}

export function sendEvent(l: Lifter): void {
  if (l.features.uniprocessor === true) l.b.set(StateSlot.Event, l.b.const(1));
  else l.b.call(ARM_HELPERS.sev);
}

/** IT: the state that the following instructions start from. */
export function ifThen(l: Lifter, f: { c: number; m: number }): void {
  l.needsOutsideIt();
  const alwaysWithElse = f.c === 14 && (f.m & (f.m - 1)) !== 0;
  if (f.c === 15 || alwaysWithElse) l.unpredictable('an IT block of condition AL or 1111');
  l.nextIt = (f.c << 4) | f.m;
}

export function clearExclusive(l: Lifter): void {
  l.b.ordered('clrex');
}

export function dataMemoryBarrier(l: Lifter): void {
  l.b.ordered('barrier', [], 0);
}

export function dataSynchronizationBarrier(l: Lifter): void {
  l.b.ordered('barrier', [], 1);
}

/** Nothing is left to do: what changes the context ends its block, and so does TLB maintenance that moves code. */
export function instructionSynchronizationBarrier(): void {}
