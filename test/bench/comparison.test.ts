import { describe, expect, it } from 'vitest';

interface Sample {
  readonly cpuMs: number;
  readonly peakMiB: number;
  readonly checksum?: string;
}
interface RowResult {
  readonly name: string;
  readonly ratio?: number;
  readonly errors?: readonly string[];
}
interface Row {
  add(pair: { ours: Sample; qemu: Sample }): void;
  result(): RowResult & { readonly ours?: { readonly mips?: number; readonly peakMiB: number } };
}
interface Verdict {
  readonly title: string;
  readonly ratio: number;
  readonly met: boolean;
  readonly aimMet: boolean;
}
interface Emulator {
  expect(pattern: RegExp): Promise<RegExpExecArray>;
  write(text: string): void;
  cpuMs(): number;
  peakMiB(): number;
  ended(): Promise<number>;
  stop(): void;
}

// The benchmarks are scripts without types.
const load = async <T>(path: string): Promise<T> =>
  (await import(new URL(`../../bench/${path}`, import.meta.url).href)) as T;
const { Row: RowOf } = await load<{
  Row: new (name: string, settings?: { instructions?: number }) => Row;
}>('qemu/pairs.mjs');
const { judge } = await load<{ judge(rows: readonly RowResult[]): Verdict[] }>('qemu/report.mjs');
const { EmulatorProcess } = await load<{
  EmulatorProcess: { start(program: string, args: string[]): Promise<Emulator> };
}>('tools/emulator-process.mjs');

const sample = (cpuMs: number, checksum = '0'): Sample => ({ cpuMs, peakMiB: cpuMs / 10, checksum });

describe('a workload of the comparison with QEMU', () => {
  it('has the median of the ratios of pairs: QEMU by armemu', () => {
    const row = new RowOf('hash', { instructions: 2e9 });
    for (const [ours, qemu] of [
      [1000, 1000],
      [1000, 1500],
      [500, 1000],
    ])
      row.add({ ours: sample(ours), qemu: sample(qemu) });
    const { ratio, ours } = row.result();
    expect(ratio).toBe(1.5);
    expect(ours?.mips).toBe(2000);
    expect(ours?.peakMiB).toBe(100);
  });

  it('has an error and no figure where the guests came to different results', () => {
    const row = new RowOf('hash');
    row.add({ ours: sample(1, 'a'), qemu: sample(2, 'b') });
    expect(row.result()).toMatchObject({ errors: ["the checksum is a, QEMU's is b"] });
    expect(row.result().ratio).toBeUndefined();
  });
});

describe('the bounds of the comparison', () => {
  const kernels = ['hash', 'matrix', 'sort', 'state', 'sieve'].flatMap((name) => [
    `${name}-a32`,
    `${name}-t32`,
  ]);

  it('are of the geometric mean and of the worst of all kernels', () => {
    const rows = kernels.map((name, i) => ({ name, ratio: i === 0 ? 0.5 : 2 }));
    const [mean, worst] = judge(rows);
    expect(mean.ratio).toBeCloseTo(2 ** 0.8);
    expect(mean).toMatchObject({ met: true, aimMet: true });
    expect(worst).toMatchObject({ ratio: 0.5, met: false, aimMet: false });
  });

  it('are not judged where a row is missing', () => {
    const rows = kernels.slice(1).map((name) => ({ name, ratio: 2 }));
    expect(judge([...rows, { name: 'hash-a32' }])).toEqual([]);
    expect(judge([{ name: 'getppid', ratio: 3 }])).toMatchObject([{ met: true, aimMet: false }]);
  });
});

describe.runIf(process.platform === 'linux')('an emulator as a process', () => {
  it('takes input, gives output, and its CPU time grows until it ends', async () => {
    const program = `process.stdin.once('data', (text) => {
      for (const end = Date.now() + 50; Date.now() < end; );
      console.log('got ' + text);
      process.stdin.once('data', () => process.exit());
    }); console.log('ready')`;
    const emulator = await EmulatorProcess.start(process.execPath, ['-e', program]);
    await emulator.expect(/ready/);
    const atStart = emulator.cpuMs();
    emulator.write('x');
    await emulator.expect(/got (.)/);
    const atEnd = emulator.cpuMs();
    expect(atEnd).toBeGreaterThan(atStart);
    expect(emulator.peakMiB()).toBeGreaterThan(1);
    emulator.write('end');
    // Milliseconds, rounded by `time`.
    expect(await emulator.ended()).toBeGreaterThan(atEnd - 2);
  });

  it('is an error with what it said where it ends too early, or badly', async () => {
    const program = "console.error('no such thing'); process.exit(3)";
    const emulator = await EmulatorProcess.start(process.execPath, ['-e', program]);
    await expect(emulator.expect(/ready/)).rejects.toThrow(/no such thing/);
    await expect(emulator.ended()).rejects.toThrow(/ended with 3/);
  });
});
