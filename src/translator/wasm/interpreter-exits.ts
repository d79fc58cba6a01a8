import { Bc } from '../interpreter.ts';
import type { Handlers, InterpreterFrame } from './interpreter-frame.ts';
import { Load, Op, Store } from './opcodes.ts';
import { RegionResult, RegionWord, Slot, slotAddress } from './region-abi.ts';

export function addCalls(f: InterpreterFrame, handlers: Handlers): void {
  const { body, x, calls } = f;
  const result = (dst: number, words: number): void => {
    f.address(dst);
    body.get(x).store(Store.I32);
    f.after(words);
  };
  handlers.set(Bc.Pure, () => {
    f.beforeCall();
    f.word(1);
    for (const operand of [3, 4, 5]) f.value(operand);
    f.word(6);
    body.call(calls.pure).set(x);
    f.afterCall(false);
    result(2, 7);
  });
  handlers.set(Bc.Vector, () => {
    f.beforeCall();
    for (let n = 1; n <= 5; n++) f.word(n);
    body.call(calls.vector);
    f.afterCall(false);
    f.after(6);
  });
  for (const [opcode, mayFault] of [
    [Bc.Call, false],
    [Bc.CallMayFault, true],
  ] as const) {
    handlers.set(opcode, () => {
      f.beforeCall();
      f.word(1);
      for (const operand of [3, 4, 5]) f.value(operand);
      body.call(calls.callHelper).set(x);
      f.afterCall(mayFault);
      result(2, 6);
    });
  }
}

export function addExits(f: InterpreterFrame, handlers: Handlers): void {
  const { body, ip, pc, flags, link, x } = f;
  handlers.set(Bc.ExitJump, () => {
    f.giveBack(3);
    follow(f, ip, 2);
    f.word(1);
    body.set(pc);
    f.word(4);
    body.set(flags).get(ip).i32(8).op(Op.I32Add).i32(0);
    f.word(5);
    body.op(Op.Select).set(link).br(f.find);
  });
  handlers.set(Bc.Branch, () => {
    body.get(ip).i32(16).op(Op.I32Add).get(ip).i32(28).op(Op.I32Add);
    f.condition(1, 2);
    body.op(Op.Select).set(x);
    follow(f, x, 1);
    body.get(x).load(Load.I32).set(pc);
    f.word(3);
    body.set(flags).get(x).i32(4).op(Op.I32Add).i32(0).get(x).load(Load.I32, 8);
    body.op(Op.Select).set(link).br(f.find);
  });
  handlers.set(Bc.ExitJumpTo, () => {
    f.giveBack(2);
    f.value(1);
    body.set(pc);
    f.word(3);
    body.set(flags).i32(0).set(link).br(f.find);
  });
  handlers.set(Bc.ExitInterwork, () => {
    f.giveBack(2);
    f.value(1);
    body.tee(pc).i32(1).op(Op.I32And).set(x);
    body.i32(0).get(x).store(Store.I32, slotAddress(Slot.T));
    body.get(pc).i32(-2).i32(-4).get(x).op(Op.Select, Op.I32And).set(pc);
    f.word(3);
    body.get(x).op(Op.I32Or).set(flags).i32(0).set(link).br(f.find);
  });
  handlers.set(Bc.ExitResync, () => {
    f.setPc(1);
    f.giveBack(2);
    f.leave(RegionResult.Resync);
  });
  handlers.set(Bc.ExitDynamic, () => {
    f.giveBack(1);
    f.leave(RegionResult.Resync);
  });
  handlers.set(Bc.ExitRaise, () => {
    raise(f);
    body.i32(0).get(ip).i32(2).op(Op.I32ShrU).store(Store.I32, RegionWord.Code);
    body.i32(0);
    f.word(2);
    body.store(Store.I32, RegionWord.RaiseArgument);
    f.giveBack(3);
    f.leave(RegionResult.Raise);
  });
  handlers.set(Bc.ExitWait, () => {
    raise(f);
    f.setPc(2);
    f.giveBack(3);
    f.leave(RegionResult.Wait);
  });
}

function raise(f: InterpreterFrame): void {
  f.body.i32(0);
  f.word(1);
  f.body.store(Store.I32, RegionWord.RaiseKind);
}

/** Goes on in the block that the word points to, if it does. @param base a local, with a byte address */
function follow(f: InterpreterFrame, base: number, n: number): void {
  const { body, ip, y } = f;
  body
    .get(base)
    .load(Load.I32, 4 * n)
    .tee(y);
  body.ifHinted(true);
  body.get(y).i32(2).op(Op.I32Shl).set(ip).br(f.enterBlock);
  body.end();
}
