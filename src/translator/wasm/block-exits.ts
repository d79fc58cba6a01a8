import { Effect } from '../ir/ops.ts';
import type { IrBlock, IrValue } from '../ir/value.ts';
import { tableTargets } from './jump-table.ts';
import { type BlockSource, exitTarget } from './region.ts';

/** State slots of SP and LR: by them calls and returns are told from other jumps. */
const SP = 13;
const LR = 14;

/** A way out of a block. */
export type BlockExit =
  /** To a known address. */
  | { readonly kind: 'jump'; readonly target: number }
  /** To a known address, with the address after the block in LR. */
  | { readonly kind: 'call'; readonly target: number }
  /** The same to an address in a register: `choices` are those that were seen there. */
  | { readonly kind: 'callThrough'; readonly link: number; readonly choices: readonly number[] }
  /** To an address that was in LR, or that came from the stack. */
  | { readonly kind: 'return' }
  /** To one of these addresses, as it seems. */
  | { readonly kind: 'switch'; readonly choices: readonly number[] }
  /** To an address that is not known, or into the other instruction set. */
  | { readonly kind: 'elsewhere' }
  /** An exception, a wait, another context. */
  | { readonly kind: 'stop' };

/** Looks for what a function returns by, while it walks over a block in order. */
class ReturnAddresses {
  private readonly stackPointers = new Set<IrValue>();

  note(value: IrValue): void {
    if (value.op === 'get' && value.imm === SP) this.stackPointers.add(value);
    else if (value.op === 'set' && value.imm === SP) this.stackPointers.add(value.args[0]);
  }

  holds(value: IrValue): boolean {
    if (value.op === 'get') return value.imm === LR;
    if (value.op === 'load32') return this.isOnStack(value.args[0]);
    // The byte order of CPSR.E, and the bits that no address has.
    return (value.op === 'rev' || value.op === 'and') && this.holds(value.args[0]);
  }

  private isOnStack(address: IrValue): boolean {
    if (this.stackPointers.has(address)) return true;
    const { op, args } = address;
    return (op === 'add' || op === 'sub') && this.stackPointers.has(args[0]) && args[1].op === 'const';
  }
}

/** The exits of a block, in order. @param source where its jump tables are read */
export function exitsOf(block: IrBlock, flags: number, source: BlockSource): readonly BlockExit[] {
  const exits: BlockExit[] = [];
  const after = (block.pc + block.bytes) | 0;
  const returnAddress = after | (flags & 1);
  const addresses = new ReturnAddresses();
  /** What is known to be in LR on the path that the walk is on, and where each skip around it began. */
  let link: number | undefined;
  const linksAtSkips: (number | undefined)[] = [];
  let left = false;

  const classify = (exit: IrValue): BlockExit => {
    const target = exitTarget(exit, flags);
    const calls = link === returnAddress;
    // A call of what follows only wants to know where it is.
    if (target !== undefined) return { kind: calls && target !== after ? 'call' : 'jump', target };
    if (exit.op === 'exitJumpTo' || exit.op === 'exitInterwork') {
      if (calls) return { kind: 'callThrough', link: returnAddress, choices: source.callees(returnAddress) };
      if (addresses.holds(exit.args[0])) return { kind: 'return' };
      const choices = tableTargets(exit, flags, source);
      return choices.length > 0 ? { kind: 'switch', choices } : { kind: 'elsewhere' };
    }
    return { kind: exit.op === 'exitDynamic' ? 'elsewhere' : 'stop' };
  };

  for (const value of block.ops) {
    switch (value.op) {
      case 'get':
      case 'set':
        addresses.note(value);
        if (value.op === 'set' && value.imm === LR) {
          const [written] = value.args;
          link = written.op === 'const' ? written.imm : undefined;
        }
        break;
      case 'call':
        if ((value.effects & Effect.WritesState) !== 0) link = undefined;
        break;
      case 'skipIfZero':
        linksAtSkips.push(link);
        break;
      case 'label': {
        const skipped = linksAtSkips.pop();
        if (left || link !== skipped) link = left ? skipped : undefined;
        left = false;
        break;
      }
      default:
        if (!value.info.isExit) break;
        exits.push(classify(value));
        left = true;
    }
  }
  return exits;
}
