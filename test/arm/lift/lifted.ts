import {
  type TranslatedBlock,
  type TranslateRequest,
  translateBlock,
} from '../../../src/arm/translate-block.ts';
import { Effect, OPS } from '../../../src/translator/ir/ops.ts';
import type { IrBlock, IrValue } from '../../../src/translator/ir/value.ts';

const PC = 0x8000;

const SLOTS = new Map([
  [16, 'nzcv'],
  [17, 'q'],
  [18, 'ge'],
  [20, 'it'],
  [21, 'e'],
  [22, 'aifm'],
  [28, 'callLow'],
  [29, 'callHigh'],
  [97, 'tpidruro'],
  [98, 'tpidrprw'],
  [99, 'dacr'],
  [100, 'pending'],
  [112, 'codeMoved'],
]);

function slotName(slot: number): string {
  return SLOTS.get(slot) ?? `r${slot}`;
}

function number(n: number): string {
  return Math.abs(n) < 1024 ? String(n) : `0x${(n >>> 0).toString(16)}`;
}

/** Translates A32 words, or T32 halfwords where `thumb` is set, at PC. */
export function translate(
  code: readonly number[],
  options: Partial<TranslateRequest> = {},
): TranslatedBlock | undefined {
  const halfwords = options.thumb === true ? code : code.flatMap((word) => [word & 0xffff, word >>> 16]);
  const pc = options.pc ?? PC;
  return translateBlock({
    pc,
    thumb: false,
    bigEndian: false,
    it: 0,
    features: { divide: true, swp: true, virtualization: true, fusedMultiplyAdd: true },
    maxInstructions: 64,
    fetch16: (address) => halfwords[((address - pc) | 0) >> 1] ?? -1,
    ...options,
  });
}

export function blockOf(code: readonly number[], options: Partial<TranslateRequest> = {}): IrBlock {
  const result = translate(code, options);
  if (result === undefined) throw new Error('no block');
  return result.block;
}

/**
 * What the code does, in order: one line for each operation that is more than a computation, its operands written out.
 * Results of loads and calls are numbered %0, %1, ...; markers and reads of state are left out.
 */
export function lines(block: IrBlock): readonly string[] {
  const results = new Map<IrValue, string>();
  const out: string[] = [];
  const text = (value: IrValue): string => {
    const result = results.get(value);
    if (result !== undefined) return result;
    if (value.op === 'const') return number(value.imm);
    if (value.op === 'get') return slotName(value.imm);
    const imm = value.imm === 0 ? '' : `.${value.imm}`;
    return `${value.op}${imm}(${value.args.map(text).join(', ')})`;
  };
  for (const value of block.ops) {
    const { op, imm, imm2, args } = value;
    if (op === 'marker' || op === 'get') continue;
    if (value.type !== 'void' && (OPS[op].effects as number) === Effect.None) continue;
    const operands = args.map(text);
    if (op === 'set') out.push(`${slotName(imm)} = ${operands[0]}`);
    else if (op === 'label' || op === 'skipIfZero') out.push([op, `L${imm}`, ...operands].join(' '));
    else if (op.startsWith('exit')) out.push([op, number(imm), number(imm2), ...operands].join(' '));
    else {
      const name = value.helper?.name ?? (imm === 0 ? op : `${op}.${imm}`);
      const call = `${name}(${operands.join(', ')})`;
      if (value.type === 'void') out.push(call);
      else {
        results.set(value, `%${results.size}`);
        out.push(`${results.get(value)} = ${call}`);
      }
    }
  }
  return out;
}

/** The lines of a single instruction, without the jump to the next one. */
export function lifted(code: readonly number[], options: Partial<TranslateRequest> = {}): readonly string[] {
  const all = lines(blockOf(code, options));
  return all.at(-1)?.startsWith('exitJump ') ? all.slice(0, -1) : all;
}

/** Why the manual calls the code UNPREDICTABLE. */
export function reasons(code: readonly number[], options: Partial<TranslateRequest> = {}): readonly string[] {
  return translate(code, options)?.unpredictable ?? ['not fetched'];
}
