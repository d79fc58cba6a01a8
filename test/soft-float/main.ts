import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  f32ToF64,
  f32ToFixed,
  f64ToF32,
  f64ToFixed,
  fixedToF32,
  fixedToF64,
} from '../../src/arm/fp/convert.ts';
import { f32Add, f32Div, f32IsNaN, f32Mul, f32MulAdd, f32Sqrt, f32Sub } from '../../src/arm/fp/f32.ts';
import { f64Add, f64Div, f64IsNaN, f64Mul, f64MulAdd, f64Sqrt, f64Sub } from '../../src/arm/fp/f64.ts';
import { FpContext, Fpscr } from '../../src/arm/fp/fp-context.ts';
import { Operands } from './operands.ts';

/** One operation as the C program numbers it, and ours; 32-bit results leave `ctx.high` at 0. */
interface Operation {
  readonly name: string;
  readonly code: number;
  /** Operands are integers. */
  readonly fromInteger?: boolean;
  readonly result: 'f32' | 'f64' | 'integer';
  readonly run: (w: Int32Array, rounding: number, ctx: FpContext) => number;
}

const DOUBLE = 16;
/** Operands in words: a in 0 and 1, b in 2 and 3, c in 4 and 5. */
const OPERATIONS: readonly Operation[] = [
  { name: 'f32 add', code: 0, result: 'f32', run: (w, _r, ctx) => f32Add(w[0], w[2], ctx) },
  { name: 'f32 sub', code: 1, result: 'f32', run: (w, _r, ctx) => f32Sub(w[0], w[2], ctx) },
  { name: 'f32 mul', code: 2, result: 'f32', run: (w, _r, ctx) => f32Mul(w[0], w[2], ctx) },
  { name: 'f32 div', code: 3, result: 'f32', run: (w, _r, ctx) => f32Div(w[0], w[2], ctx) },
  { name: 'f32 sqrt', code: 4, result: 'f32', run: (w, _r, ctx) => f32Sqrt(w[0], ctx) },
  { name: 'f32 fma', code: 5, result: 'f32', run: (w, _r, ctx) => f32MulAdd(w[4], w[0], w[2], ctx) },
  { name: 'f32 to f64', code: 6, result: 'f64', run: (w, _r, ctx) => f32ToF64(w[0], ctx) },
  {
    name: 'f32 to s32',
    code: 7,
    result: 'integer',
    run: (w, r, ctx) => f32ToFixed(w[0], 0, 32, false, r, ctx),
  },
  {
    name: 'f32 to u32',
    code: 8,
    result: 'integer',
    run: (w, r, ctx) => f32ToFixed(w[0], 0, 32, true, r, ctx),
  },
  {
    name: 's32 to f32',
    code: 9,
    fromInteger: true,
    result: 'f32',
    run: (w, r, ctx) => fixedToF32(w[0], 0, false, r, ctx),
  },
  {
    name: 'u32 to f32',
    code: 10,
    fromInteger: true,
    result: 'f32',
    run: (w, r, ctx) => fixedToF32(w[0], 0, true, r, ctx),
  },
  { name: 'f64 add', code: DOUBLE, result: 'f64', run: (w, _r, ctx) => f64Add(w[0], w[1], w[2], w[3], ctx) },
  {
    name: 'f64 sub',
    code: DOUBLE + 1,
    result: 'f64',
    run: (w, _r, ctx) => f64Sub(w[0], w[1], w[2], w[3], ctx),
  },
  {
    name: 'f64 mul',
    code: DOUBLE + 2,
    result: 'f64',
    run: (w, _r, ctx) => f64Mul(w[0], w[1], w[2], w[3], ctx),
  },
  {
    name: 'f64 div',
    code: DOUBLE + 3,
    result: 'f64',
    run: (w, _r, ctx) => f64Div(w[0], w[1], w[2], w[3], ctx),
  },
  { name: 'f64 sqrt', code: DOUBLE + 4, result: 'f64', run: (w, _r, ctx) => f64Sqrt(w[0], w[1], ctx) },
  {
    name: 'f64 fma',
    code: DOUBLE + 5,
    result: 'f64',
    run: (w, _r, ctx) => f64MulAdd(w[4], w[5], w[0], w[1], w[2], w[3], ctx),
  },
  { name: 'f64 to f32', code: DOUBLE + 6, result: 'f32', run: (w, _r, ctx) => f64ToF32(w[0], w[1], ctx) },
  {
    name: 'f64 to s32',
    code: DOUBLE + 7,
    result: 'integer',
    run: (w, r, ctx) => f64ToFixed(w[0], w[1], 0, 32, false, r, ctx),
  },
  {
    name: 'f64 to u32',
    code: DOUBLE + 8,
    result: 'integer',
    run: (w, r, ctx) => f64ToFixed(w[0], w[1], 0, 32, true, r, ctx),
  },
  {
    name: 's32 to f64',
    code: DOUBLE + 9,
    fromInteger: true,
    result: 'f64',
    run: (w, _r, ctx) => fixedToF64(w[0], 0, false, ctx),
  },
  {
    name: 'u32 to f64',
    code: DOUBLE + 10,
    fromInteger: true,
    result: 'f64',
    run: (w, _r, ctx) => fixedToF64(w[0], 0, true, ctx),
  },
];

const RECORD_WORDS = 8;
const OUTCOME_WORDS = 4;
const BATCH = 1 << 17;
const FUSED = 5;

/** Operands for a batch; for sums and fused sums often such that they nearly cancel. */
function drawOperands(w: Int32Array, operation: Operation, random: Operands): void {
  for (let i = 0; i < 3; i++) {
    if (operation.code >= DOUBLE) w.set(random.double(), 2 * i);
    else w[2 * i] = random.single();
  }
  if (operation.fromInteger === true)
    w[0] = random.pick([random.word(), random.word() >> random.below(32), 0, -1]);
  const near = random.below(8);
  if (near === 0) w.set(w.subarray(0, 2), 2);
  if (near === 1) {
    w.set(w.subarray(0, 2), 2);
    w[2] += random.below(5) - 2;
    if (operation.code >= DOUBLE) w[3] ^= -0x80000000;
    else w[2] ^= -0x80000000;
  }
  if (near > 1 && near < 4 && (operation.code & 15) === FUSED)
    cancelProduct(w, operation.code >= DOUBLE, random);
}

/** The addend becomes minus the rounded product, or next to it: what is left is the product's error. */
function cancelProduct(w: Int32Array, double: boolean, random: Operands): void {
  const ctx = new FpContext();
  const low = double ? f64Mul(w[0], w[1], w[2], w[3], ctx) : f32Mul(w[0], w[2], ctx);
  w[4] = low + random.below(3) - 1;
  if (double) w[5] = ctx.high ^ -0x80000000;
  else w[4] ^= -0x80000000;
}

function hex(low: number, high: number, wide: boolean): string {
  const word = (n: number): string => (n >>> 0).toString(16).padStart(8, '0');
  return wide ? word(high) + word(low) : word(low);
}

function isNaNResult(operation: Operation, low: number, high: number): boolean {
  if (operation.result === 'integer') return false;
  return operation.result === 'f64' ? f64IsNaN(low, high) : f32IsNaN(low);
}

/** One batch of an operation; gives descriptions of what differs. */
function compare(helper: string, operation: Operation, random: Operands): string[] {
  const input = new Int32Array(BATCH * RECORD_WORDS);
  for (let i = 0; i < BATCH; i++) {
    const at = i * RECORD_WORDS;
    input[at] = operation.code;
    input[at + 1] = i & 3;
    drawOperands(input.subarray(at + 2, at + 8), operation, random);
  }
  const { stdout, status } = spawnSync(helper, {
    input: Buffer.from(input.buffer),
    maxBuffer: BATCH * OUTCOME_WORDS * 4 + 1,
  });
  if (status !== 0) throw new Error(`the host's arithmetic ended with ${status}`);
  const output = new Int32Array(
    stdout.buffer.slice(stdout.byteOffset, stdout.byteOffset + stdout.byteLength),
  );
  const differences: string[] = [];
  const ctx = new FpContext();
  for (let i = 0; i < BATCH; i++) {
    const rounding = i & 3;
    const operands = input.subarray(i * RECORD_WORDS + 2, i * RECORD_WORDS + 8);
    // With IXC set already, shortcuts may be taken: every other operation.
    ctx.control = (rounding << Fpscr.RMODE_SHIFT) | ((i & 4) !== 0 ? Fpscr.IXC : 0);
    ctx.flags = 0;
    ctx.high = 0;
    const low = operation.run(operands, rounding, ctx);
    const [hostLow, hostHigh, hostFlags] = output.subarray(i * OUTCOME_WORDS);
    const wide = operation.result === 'f64';
    const high = wide ? ctx.high : 0;
    // Which NaN it is, and whether a quiet addend stands for an invalid product, is Arm's own: see test/arm/fp.
    const bothNaN = isNaNResult(operation, low, high) && isNaNResult(operation, hostLow, hostHigh);
    const flags = ctx.flags | (ctx.control & hostFlags);
    const quietAddend = bothNaN && (operation.code & 15) === FUSED;
    if (
      bothNaN
        ? quietAddend || flags === hostFlags
        : low === hostLow && high === hostHigh && flags === hostFlags
    )
      continue;
    const names = [0, 2, 4]
      .map((at) => hex(operands[at], operands[at + 1], operation.code >= DOUBLE))
      .join(' ');
    differences.push(
      `${operation.name} rounding ${rounding}: ${names} gives ${hex(low, high, wide)} flags ${flags}, ` +
        `on the host ${hex(hostLow, hostHigh, wide)} flags ${hostFlags}`,
    );
  }
  return differences;
}

/**
 * Compares the soft-float functions with the host's floating-point unit.
 * @returns an exit code.
 */
export function main(args: readonly string[]): number {
  const { values } = parseArgs({
    args: [...args],
    options: { seed: { type: 'string' }, batches: { type: 'string', default: '4' } },
  });
  const seed = Number(values.seed ?? Math.floor(Math.random() * 0xffffffff));
  const random = new Operands(seed);
  const folder = mkdtempSync(join(tmpdir(), 'armemu-soft-float-'));
  const helper = join(folder, 'host-arithmetic');
  const source = new URL('./host-arithmetic.c', import.meta.url).pathname;
  const flags = ['-O2', '-frounding-math', '-fno-trapping-math', '-ffp-contract=off', '-std=c11'];
  try {
    const cc = spawnSync('cc', [...flags, '-o', helper, source, '-lm'], { stdio: 'inherit' });
    if (cc.status !== 0) throw new Error('the C compiler has failed: install gcc');
    let failed = 0;
    for (const operation of OPERATIONS) {
      let differences: string[] = [];
      for (let i = 0; i < Number(values.batches); i++)
        differences = differences.concat(compare(helper, operation, random));
      failed += differences.length;
      for (const line of differences.slice(0, 5)) console.log(line);
    }
    const total = OPERATIONS.length * Number(values.batches) * BATCH;
    console.log(`seed ${seed}: ${total} operations compared with the host's, ${failed} differ`);
    return failed === 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
