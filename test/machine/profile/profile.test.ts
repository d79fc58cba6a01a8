import { afterEach, describe, expect, test } from 'vitest';
import {
  createMachine,
  foldedStacks,
  type Machine,
  type MachineOptions,
  type Profile,
  type ProfileSample,
  readSymbols,
  SymbolTable,
  speedscope,
} from '../../../src/index.ts';
import { buildElf } from '../../boot/elf-builder.ts';
import { withSymbols } from '../../boot/elf-with-symbols.ts';

const BASE = 0x4001_0000;
const MAIN = BASE;
const BUSY = BASE + 0x2c;
const QUIET = BASE + 0x3c;
const ROUNDS = 2000;
const NOP = 0xe320f000;
/** CPS #16. */
const TO_USER_MODE = 0xf1020010;

function branch(opcode: number, from: number, to: number): number {
  return (opcode | (((to - from - 8) >> 2) & 0xffffff)) >>> 0;
}

/** 2000 times: `busy`, which is 378 instructions, and `quiet`, which is 42; then semihosting's exit. */
function guest(first: number): Uint8Array<ArrayBuffer> {
  const words = [
    first,
    0xe30047d0, // MOVW R4, #2000
    branch(0xeb000000, BASE + 0x8, BUSY),
    branch(0xeb000000, BASE + 0xc, QUIET),
    0xe2544001, // SUBS R4, R4, #1
    branch(0x1a000000, BASE + 0x14, BASE + 0x8),
    0xe3a00018, // MOV R0, #0x18
    0xe3001026, // MOVW R1, #0x26
    0xe3401002, // MOVT R1, #2
    0xef123456, // SVC #0x123456
    0xeafffffe, // B to itself
    // Each: MOV R0, #n; SUBS R0, R0, #1; BNE to it; BX LR
    ...[0xe3a000bc, 0xe2500001, 0x1afffffd, 0xe12fff1e],
    ...[0xe3a00014, 0xe2500001, 0x1afffffd, 0xe12fff1e],
  ];
  const bytes = new Uint8Array(Uint32Array.from(words).buffer);
  return withSymbols(buildElf([{ physicalAddress: BASE, bytes }]), BASE, bytes.length, [
    { name: 'main', value: MAIN, size: 0x2c },
    { name: 'busy', value: BUSY, size: 0x10 },
    { name: 'quiet', value: QUIET, size: 0x10 },
  ]);
}

const SYMBOLS = new SymbolTable(readSymbols(guest(NOP), 'guest'));
const machines: Machine[] = [];

afterEach(async () => {
  for (const machine of machines.splice(0)) await machine.stop();
});

async function run(options: MachineOptions, first = NOP) {
  const machine = await createMachine({
    memory: '16M',
    kernel: guest(first),
    clock: 'instructions',
    semihosting: true,
    ...options,
  });
  machines.push(machine);
  const profile = machine.profile({ interval: 500 });
  await machine.start();
  expect(await machine.exited).toEqual({ reason: 'semihosting', code: 0 });
  return { machine, samples: profile.samples(), folded: foldedStacks(profile, SYMBOLS) };
}

function weightsOf(folded: string): Map<string, number> {
  return new Map(
    folded
      .trimEnd()
      .split('\n')
      .map((line) => [line.replace(/ \d+$/, ''), Number(/\d+$/.exec(line))]),
  );
}

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((a, b) => a + b, 0);
const fixed = (...samples: readonly ProfileSample[]): Profile => ({ samples: () => samples });

describe('a guest with two functions, one of which takes nine times as long', () => {
  for (const engine of ['interpreter', 'wasm'] as const) {
    for (const clock of ['instructions', 'host'] as const) {
      test(`by the ${engine} with the clock '${clock}'`, async () => {
        const { machine, folded } = await run({ engine, clock });
        const weights = weightsOf(folded);
        const busy = weights.get('CPU 0;kernel;main;busy') as number;
        const quiet = weights.get('CPU 0;kernel;main;quiet') as number;
        expect(busy / quiet).toBeGreaterThan(8);
        expect(busy / quiet).toBeLessThan(10);
        expect(busy / machine.instructions).toBeCloseTo(378 / 424, 1);
        // main itself is 4 instructions of 424; its LR is from the last call that it has made.
        expect(weights.get('CPU 0;kernel;main')).toBeGreaterThan(0);
        expect([...weights.keys()].sort()).toEqual([
          'CPU 0;kernel;main',
          'CPU 0;kernel;main;busy',
          'CPU 0;kernel;main;quiet',
        ]);
        expect(sum(weights.values())).toBe(machine.instructions);
      });
    }
  }

  test('both engines have the same samples, of instructions inside of regions, too', async () => {
    const interpreted = await run({ engine: 'interpreter' });
    const compiled = await run({ engine: 'wasm' });
    expect(compiled.machine.statistics().instructionsBy.wasm).toBeGreaterThan(ROUNDS * 200);
    expect(compiled.samples).toEqual(interpreted.samples);
    expect(new Set(compiled.samples.map(({ pc }) => pc)).size).toBeGreaterThan(5);
  });

  test('a run is no other one when it is profiled', async () => {
    const { machine } = await run({ engine: 'wasm' });
    const plain = await createMachine({
      memory: '16M',
      kernel: guest(NOP),
      clock: 'instructions',
      semihosting: true,
      engine: 'wasm',
    });
    machines.push(plain);
    await plain.start();
    await plain.exited;
    expect(plain.instructions).toBe(machine.instructions);
  });

  test('user mode has stacks of its own', async () => {
    const weights = weightsOf((await run({ engine: 'wasm' }, TO_USER_MODE)).folded);
    expect(weights.get('CPU 0;user;main;busy')).toBeGreaterThan(300 * ROUNDS);
    expect([...weights.keys()].filter((stack) => stack.includes('kernel'))).toEqual([]);
  });
});

test('an interval is a whole number of instructions', async () => {
  const machine = await createMachine({ memory: '16M', kernel: guest(NOP) });
  machines.push(machine);
  for (const interval of [0, -1, 1.5, Number.NaN])
    expect(() => machine.profile({ interval })).toThrow(RangeError);
});

describe('stacks', () => {
  const kernel = { cpu: 0, mode: 'kernel', pc: BUSY + 4, instructions: 10 } as const;

  test('have a caller only where LR comes from a call of this function', () => {
    const called = { ...kernel, caller: { pc: MAIN + 8, target: BUSY } };
    const other = { ...kernel, caller: { pc: MAIN + 12, target: QUIET } };
    const byRegister = { ...kernel, caller: { pc: MAIN + 8, target: undefined } };
    const own = { ...kernel, caller: { pc: BUSY + 8, target: undefined } };
    const none = { ...kernel, caller: undefined };
    const text = (sample: ProfileSample): string => foldedStacks(fixed(sample), SYMBOLS);
    expect(text(called)).toBe('CPU 0;kernel;main;busy 10\n');
    expect(text(byRegister)).toBe('CPU 0;kernel;main;busy 10\n');
    for (const sample of [other, own, none]) expect(text(sample)).toBe('CPU 0;kernel;busy 10\n');
  });

  test('tell code without a name apart by page', () => {
    const samples = [0xc000, 0xcffc, 0xd000].map((pc) => ({ ...kernel, pc, caller: undefined }));
    expect(foldedStacks(fixed(...samples), SYMBOLS)).toBe(
      'CPU 0;kernel;0x0000cxxx 20\nCPU 0;kernel;0x0000dxxx 10\n',
    );
  });

  test('keep separators out of names', () => {
    const table = new SymbolTable([{ name: 'a;b [c]\td', start: BUSY, end: BUSY + 8 }]);
    expect(foldedStacks(fixed({ ...kernel, caller: undefined }), table)).toBe('CPU 0;kernel;a:b [c] d 10\n');
  });
});

test('a file of speedscope has a profile for each CPU', () => {
  const at = (cpu: number, mode: 'kernel' | 'user', pc: number, instructions: number): ProfileSample => ({
    cpu,
    mode,
    pc,
    caller: undefined,
    instructions,
  });
  const profile = fixed(
    at(1, 'kernel', BUSY, 30),
    at(0, 'kernel', BUSY, 5),
    at(0, 'user', QUIET, 7),
    at(0, 'kernel', BUSY + 4, 2),
  );
  const file = JSON.parse(speedscope(profile, SYMBOLS, 'a guest'));
  expect(file).toEqual({
    $schema: 'https://www.speedscope.app/file-format-schema.json',
    name: 'a guest',
    exporter: 'armemu',
    activeProfileIndex: 0,
    shared: { frames: [{ name: 'kernel' }, { name: 'busy' }, { name: 'user' }, { name: 'quiet' }] },
    profiles: [
      {
        type: 'sampled',
        name: 'CPU 0, guest instructions',
        unit: 'none',
        startValue: 0,
        endValue: 14,
        samples: [
          [0, 1],
          [2, 3],
        ],
        weights: [7, 7],
      },
      {
        type: 'sampled',
        name: 'CPU 1, guest instructions',
        unit: 'none',
        startValue: 0,
        endValue: 30,
        samples: [[0, 1]],
        weights: [30],
      },
    ],
  });
});
