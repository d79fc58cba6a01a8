import { type ChildProcess, execFile, spawn } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import * as a from '../arm/assembler.ts';
import { buildElf } from '../boot/elf-builder.ts';

const run = promisify(execFile);
const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');

/** A project that has the built package installed; within the checkout, so that the package finds what it depends on. */
let project: string;
let command: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  mkdirSync(join(ROOT, '.cache'), { recursive: true });
  project = mkdtempSync(join(ROOT, '.cache/package-test-'));
  const installed = join(project, 'package');
  await run(process.execPath, [TSC, '-p', 'tsconfig.build.json', '--outDir', join(installed, 'dist')], {
    cwd: ROOT,
  });
  cpSync(join(ROOT, 'package.json'), join(installed, 'package.json'));
  await run(process.execPath, [join(ROOT, 'scripts/bundle-command.mjs'), join(installed, 'dist')]);
  mkdirSync(join(project, 'node_modules'));
  symlinkSync(installed, join(project, 'node_modules/armemu'), 'dir');
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  command = join(installed, 'dist/cli/main.js');
}, 120_000);

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

afterAll(() => rmSync(project, { recursive: true, force: true }));

/** The TypeScript examples of a document. */
function examplesOf(document: string): string[] {
  const text = readFileSync(join(ROOT, document), 'utf8');
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code]) => code);
}

function armemu(...args: string[]): ChildProcess {
  const child = spawn(process.execPath, [command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  return child;
}

/** Resolves when the child has written something that matches; with a reader that stops reading then. */
function output(child: ChildProcess, pattern: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk;
      if (!pattern.test(text)) return;
      child.stdout?.removeAllListeners('data');
      child.stdout?.pause();
      resolve();
    });
    child.once('exit', () => reject(new Error(`it ended first: ${text}`)));
  });
}

function exitCode(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('exit', (code) => resolve(code)));
}

describe('the types of the package', () => {
  test('serve a strict project for a browser, with every example of the documents', async () => {
    const examples = ['README.md', 'docs/library.md'].flatMap(examplesOf);
    expect(examples.length).toBe(4);
    examples.forEach((code, i) => {
      writeFileSync(join(project, `example-${i}.ts`), code);
    });
    const compilerOptions = {
      target: 'ES2022',
      lib: ['ES2022', 'DOM'],
      types: [],
      module: 'NodeNext',
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      noEmit: true,
    };
    const files = examples.map((_code, i) => `example-${i}.ts`);
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
    const { stdout } = await run(process.execPath, [TSC, '-p', project]).catch((error) => error);
    expect(stdout).toBe('');
  });

  test('of armemu/host and armemu/vfio serve a project that has those of Node', async () => {
    writeFileSync(
      join(project, 'host.ts'),
      [
        "import { createMachine } from 'armemu';",
        "import { readGuestImage, Terminal } from 'armemu/host';",
        "import { vfio } from 'armemu/vfio';",
        "const kernel = await readGuestImage('a.elf', 'kernel');",
        "const machine = await createMachine({ kernel, pci: [vfio('0000:01:00.0')] });",
        'new Terminal(process.stdin, process.stdout, { leave: () => machine.stop() }).connectOutput(machine.serial);',
      ].join('\n'),
    );
    const flags = '--module NodeNext --target ES2022 --types node --strict --noEmit --ignoreConfig'.split(
      ' ',
    );
    const { stdout } = await run(process.execPath, [TSC, ...flags, join(project, 'host.ts')]).catch(
      (error) => error,
    );
    expect(stdout).toBe('');
  });
});

describe('the installed command', () => {
  test('runs the self-test where standard input is no terminal, and ends with 0', async () => {
    const { stdout } = await run(process.execPath, [command, 'run'], { timeout: 60_000 });
    expect(stdout).toMatch(/SELFTEST PASS/);
  });

  test('says what is wrong with its input, and ends with 2', async () => {
    const refused = run(process.execPath, [command, 'run', '--vfio', '0000:01:00.9']);
    await expect(refused).rejects.toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('0000:01:00.9'),
    });
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('ends at %s with %i', async (signal, code) => {
    const child = armemu('run', '--append', '');
    await output(child, /armemu> $/);
    child.kill(signal);
    expect(await exitCode(child)).toBe(code);
  });

  describe("from V8's bytecode of the time when it was built", () => {
    const cli = (): string => join(project, 'package/dist/cli');
    /** Whether a process with this command's flags takes the bytecode that lies beside the bundle. */
    async function compiledBefore(): Promise<string> {
      const program = `
        const { tuneHostCompiler } = await import('./host-compiler.js');
        const { bundledCommand } = await import('./bundle.js');
        tuneHostCompiler();
        console.log(bundledCommand().compiledBefore);`;
      const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program], {
        cwd: cli(),
      });
      return stdout.trim();
    }
    const code = (): string => {
      const [name] = readdirSync(cli()).filter((file) => file.endsWith('.code'));
      return join(cli(), name);
    };

    test('starts', async () => {
      expect(code()).toContain(process.version);
      expect(await compiledBefore()).toBe('true');
    });

    test('starts without it, where it is of another version, cut short or empty', async () => {
      const whole = readFileSync(code());
      const ofAnother = Buffer.from(whole);
      ofAnother.writeUInt8(ofAnother.readUInt8(4) ^ 1, 4);
      for (const bytes of [ofAnother, whole.subarray(0, whole.length - 8), Buffer.alloc(0)]) {
        writeFileSync(code(), bytes);
        expect(await compiledBefore()).toBe('false');
        const { stdout } = await run(process.execPath, [command, '--version']);
        expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
      }
      writeFileSync(code(), whole);
    });

    test.each(['gone', 'cut short'])('starts from its modules where the bundle is %s', async (state) => {
      const bundle = code().replace(/-v[^-]*-[^-]*\.code$/, '');
      const whole = readFileSync(bundle);
      if (state === 'gone') rmSync(bundle);
      else writeFileSync(bundle, whole.subarray(0, whole.length >>> 1));
      const { stdout } = await run(process.execPath, [command, '--version']);
      expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
      writeFileSync(bundle, whole);
      expect(await compiledBefore()).toBe('true');
    });
  });

  test('ends at SIGTERM also when nobody reads its output any more', async () => {
    const UARTDR = 0x0900_0000;
    const talkative = [...a.mov32(0, UARTDR), a.movw(1, 0x41), a.str(1, 0), a.b(4, 3)];
    const bytes = new Uint8Array(Uint32Array.from(talkative).buffer);
    const kernel = join(project, 'talkative.elf');
    writeFileSync(kernel, buildElf([{ physicalAddress: 0x4001_0000, bytes }]));
    const child = armemu('run', '--kernel', kernel);
    await output(child, /A{1000}/);
    // Until the pipe is full.
    await new Promise((resolve) => setTimeout(resolve, 500));
    child.kill('SIGTERM');
    expect(await exitCode(child)).toBe(143);
  });
});
