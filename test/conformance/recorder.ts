import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildArena, dataPattern } from './arena.ts';
import {
  CONTROL_BASE,
  HARNESS_BASE,
  HARNESS_ENTRY,
  MASTER_BASE,
  RAM_BASE,
  RECORDER_RAM_BYTES,
  RESULTS_BASE,
  STATE_WORDS,
  VECTORS_BASE,
} from './layout.ts';
import type { Outcome, Vector } from './vector.ts';

const FIRMWARE = fileURLToPath(new URL('../../firmware/conformance/', import.meta.url));
const CC = 'arm-none-eabi-gcc';
const OBJCOPY = 'arm-none-eabi-objcopy';
const QEMU = 'qemu-system-arm';
const CFLAGS = ['-mcpu=cortex-a15', '-marm', '-mfloat-abi=soft', '-O2', '-ffreestanding', '-nostdlib'];
const LINK = [
  '-Wall',
  '-Wextra',
  '-Werror',
  '-Wl,--build-id=none',
  '-T',
  'harness.ld',
  'switch.S',
  'harness.c',
];
/** Vectors for one run of QEMU: what fits between VECTORS_BASE and RESULTS_BASE. */
const BATCH = 40000;
/** A run of QEMU that makes no progress in so much of its CPU time hangs in one vector. */
const STALL_CPU_MS = 5000;
/** One that gets no CPU time, either: as long as a busy machine may keep it waiting. */
const STALL_MS = 120_000;
/** USER_HZ of Linux. */
const MS_PER_TICK = 10;

function run(command: string, args: readonly string[], debianPackage: string): void {
  const result = spawnSync(command, args, { cwd: FIRMWARE, encoding: 'utf8' });
  if (result.error !== undefined) {
    throw new Error(
      `recording vectors needs ${command}, which is not installed: apt-get install ${debianPackage} ` +
        '(replaying the committed ones with `npm test` needs neither)',
    );
  }
  if (result.status !== 0) throw new Error(`${command} failed:\n${result.stderr}`);
}

/** CPU time of a process on Linux (proc(5), utime and stime), in ms; 0 for one that is gone. */
function cpuTime(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in parentheses, may have blanks.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
  } catch {
    return 0;
  }
}

/** How the recording board is set up: with the Virtualization Extensions, of which only instructions are used, or not. */
export type RecorderMachine = 'plain' | 'virtualization';

/** Records vectors with qemu-system-arm: the machine's RAM is a file, through which both sides talk. */
export class Recorder {
  private readonly folder: string;
  private readonly harness: Uint8Array;
  private batches = 0;

  constructor() {
    run(QEMU, ['--version'], 'qemu-system-arm');
    run(CC, ['--version'], 'gcc-arm-none-eabi');
    this.folder = mkdtempSync(join(tmpdir(), 'armemu-vectors-'));
    const elf = join(this.folder, 'harness.elf');
    const binary = join(this.folder, 'harness.bin');
    run(CC, [...CFLAGS, ...LINK, '-o', elf], 'gcc-arm-none-eabi');
    const sections = ['-j', '.vectors', '-j', '.switch', '-j', '.frame', '-j', '.rest'];
    run(OBJCOPY, ['-O', 'binary', ...sections, elf, binary], 'binutils-arm-none-eabi');
    this.harness = readFileSync(binary);
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The outcome of each vector; undefined for one that never came to an end. */
  async record(vectors: readonly Vector[], machine: RecorderMachine): Promise<(Outcome | undefined)[]> {
    const outcomes: (Outcome | undefined)[] = [];
    while (outcomes.length < vectors.length) {
      const batch = vectors.slice(outcomes.length, outcomes.length + BATCH);
      const done = await this.recordBatch(batch, machine);
      if (done.length === 0 && outcomes.length === 0)
        throw new Error(`the first vector of ${batch.length} hangs in QEMU`);
      outcomes.push(...done);
      if (done.length < batch.length) outcomes.push(undefined);
    }
    return outcomes;
  }

  private async recordBatch(batch: readonly Vector[], machine: RecorderMachine): Promise<Outcome[]> {
    const ram = join(this.folder, `ram${this.batches++}`);
    const file = openSync(ram, 'w+');
    try {
      ftruncateSync(file, 0);
      ftruncateSync(file, RECORDER_RAM_BYTES);
      const put = (address: number, bytes: Uint8Array | Uint32Array): void => {
        writeSync(file, bytes, 0, bytes.byteLength, address - RAM_BASE);
      };
      put(HARNESS_BASE, this.harness);
      for (const { address, words } of buildArena()) put(address, words);
      put(MASTER_BASE, dataPattern());
      put(CONTROL_BASE, Uint32Array.of(batch.length, 0));
      put(VECTORS_BASE, serialise(batch));
      await this.runQemu(ram, machine, () => readWords(file, CONTROL_BASE, 2)[1]!);
      const done = readWords(file, CONTROL_BASE, 2)[1]!;
      return readOutcomes(
        readWords(file, RESULTS_BASE, (RECORDER_RAM_BYTES - (RESULTS_BASE - RAM_BASE)) / 4),
        done,
      );
    } finally {
      closeSync(file);
      rmSync(ram);
    }
  }

  private runQemu(ram: string, machine: RecorderMachine, progress: () => number): Promise<void> {
    const memory = `memory-backend-file,id=ram,size=${RECORDER_RAM_BYTES},mem-path=${ram},share=on`;
    const child = spawn(
      QEMU,
      [
        ...[
          '-M',
          `virt,memory-backend=ram${machine === 'plain' ? '' : ',virtualization=on'}`,
          '-cpu',
          'cortex-a15',
          '-m',
          `${RECORDER_RAM_BYTES / 1048576}`,
        ],
        ...['-object', memory, '-display', 'none', '-nodefaults', '-serial', 'none', '-monitor', 'none'],
        ...['-device', `loader,addr=${HARNESS_ENTRY},cpu-num=0`],
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    return new Promise((resolve, reject) => {
      const { pid = 0 } = child;
      let last = progress();
      let since = Date.now();
      let sinceCpu = cpuTime(pid);
      let killed = false;
      const watch = setInterval(() => {
        const now = progress();
        if (now !== last) {
          last = now;
          since = Date.now();
          sinceCpu = cpuTime(pid);
        } else if (cpuTime(pid) - sinceCpu > STALL_CPU_MS || Date.now() - since > STALL_MS) {
          killed = true;
          child.kill('SIGKILL');
        }
      }, 200);
      child.on('error', reject);
      child.on('exit', (code) => {
        clearInterval(watch);
        if (killed || code === 0) resolve();
        else reject(new Error(`${QEMU} ended with ${code}:\n${errors}`));
      });
    });
  }
}

function readWords(file: number, address: number, count: number): Uint32Array {
  const words = new Uint32Array(count);
  readSync(file, words, 0, words.byteLength, address - RAM_BASE);
  return words;
}

function serialise(batch: readonly Vector[]): Uint32Array {
  const size = batch.reduce((sum, { pokes }) => sum + STATE_WORDS + 1 + 2 * pokes.length, 0);
  const words = new Uint32Array(size);
  let at = 0;
  for (const { state, pokes } of batch) {
    words.set(state, at);
    at += STATE_WORDS;
    words[at++] = pokes.length;
    for (const { address, value } of pokes) {
      words[at++] = address;
      words[at++] = value;
    }
  }
  if (size * 4 > RESULTS_BASE - VECTORS_BASE) throw new RangeError(`a batch of ${size} words is too large`);
  return words;
}

function readOutcomes(words: Uint32Array, count: number): Outcome[] {
  const outcomes: Outcome[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    const state = words.slice(at, at + STATE_WORDS);
    at += STATE_WORDS;
    const memory: { address: number; value: number }[] = [];
    for (let left = words[at++]!; left > 0; left--) {
      memory.push({ address: words[at++]!, value: words[at++]! });
    }
    outcomes.push({ state, memory });
  }
  return outcomes;
}
