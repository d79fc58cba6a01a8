// Drives the firmware's prompt in qemu-system-arm, or in armemu itself, and checks what it answers.
//   node scripts/firmware-on-qemu.mjs [--verbose] [--armemu[=dist/cli/main.js]] [NAME-PART]
// Exit code 0: every session as expected; 1: some not; 2: QEMU, armemu or the image is missing.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DISK_BYTES, sessions } from './firmware-sessions.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const image = join(root, 'firmware/prebuilt/armemu.elf');
const PROMPT = /armemu> /;
const TIMEOUT_MS = 120_000;

/** A running emulator: its output so far, and how much of it has been looked at. */
class Guest {
  output = '';
  seen = 0;
  #wake = () => {};

  constructor(command, args, verbose) {
    this.process = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.process.stdout.setEncoding('latin1');
    this.process.stdout.on('data', (text) => {
      if (verbose) process.stdout.write(text);
      this.output += text.replaceAll('\r', '');
      this.#wake();
    });
    this.process.stdin.on('error', () => {});
    this.exited = new Promise((resolve) => {
      this.process.on('close', (code, signal) => {
        this.exitCode = code ?? signal;
        this.#wake();
        resolve();
      });
    });
  }

  /** Waits for a pattern after what was seen, and moves past it. Answers undefined, or what went wrong. */
  async expect(pattern, limit = TIMEOUT_MS) {
    const end = Date.now() + limit;
    for (;;) {
      const match = pattern.exec(this.output.slice(this.seen));
      if (match) {
        this.seen += match.index + match[0].length;
        return undefined;
      }
      const left = end - Date.now();
      const text = `${pattern} not found in:\n${this.output.slice(this.seen)}`;
      if (this.exitCode !== undefined) return `ended (${this.exitCode}): ${text}`;
      if (left <= 0) return `timed out: ${text}`;
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** All patterns in order, and none after the next prompt. */
  async expectBeforePrompt(patterns) {
    const start = this.seen;
    const failure = await this.expect(PROMPT);
    if (failure) return failure;
    const text = this.output.slice(start, this.seen);
    return inOrder(text, patterns);
  }
}

function inOrder(text, patterns) {
  let at = 0;
  for (const pattern of patterns) {
    const match = pattern.exec(text.slice(at));
    if (!match) return `${pattern} not found in:\n${text.slice(at)}`;
    // The end of a line stays, so that ^ can match the next one.
    at += match.index + match[0].length;
  }
  return undefined;
}

async function converse(guest, session) {
  const interactive = session.steps !== undefined;
  if (!interactive) {
    await guest.exited;
    return inOrder(guest.output, session.start ?? []);
  }
  let failure = await guest.expectBeforePrompt(session.start ?? []);
  for (const step of session.steps) {
    if (failure) return failure;
    const {
      type,
      patterns,
      wait = true,
    } = Array.isArray(step) ? { type: `${step[0]}\r`, patterns: step.slice(1) } : step;
    guest.process.stdin.write(Buffer.from(type, 'latin1'));
    failure = wait ? await guest.expectBeforePrompt(patterns) : await guest.expect(patterns[0]);
    if (failure) failure = `after ${JSON.stringify(type)}: ${failure}`;
  }
  if (failure) return failure;
  guest.process.stdin.write(`${session.end}\r`);
  await Promise.race([guest.exited, new Promise((resolve) => setTimeout(resolve, TIMEOUT_MS).unref())]);
  return guest.exitCode === undefined ? `still running after "${session.end}"` : undefined;
}

function commandFor(session, armemu) {
  if (armemu)
    return [process.execPath, [armemu, 'run', '--machine', 'virt', '--kernel', image, ...session.armemu]];
  const board = [
    '-M',
    'virt,highmem=off,gic-version=2',
    '-cpu',
    'cortex-a15',
    '-m',
    '256',
    '-display',
    'none',
  ];
  return [
    'qemu-system-arm',
    [...board, '-monitor', 'none', '-serial', 'stdio', '-kernel', image, ...session.qemu],
  ];
}

async function runSession(session, armemu, verbose) {
  const [command, args] = commandFor(session, armemu);
  const guest = new Guest(command, args, verbose);
  const watchdog = setTimeout(() => guest.process.kill('SIGKILL'), 2 * TIMEOUT_MS);
  let failure = await converse(guest, session);
  if (failure) guest.process.kill('SIGKILL');
  await guest.exited;
  clearTimeout(watchdog);
  if (!failure && guest.exitCode !== session.exitCode)
    failure = `exit code ${guest.exitCode}, expected ${session.exitCode}`;
  return failure && `${failure}\ncommand: ${command} ${args.join(' ')}`;
}

function makeDisk(path) {
  const disk = Buffer.alloc(DISK_BYTES);
  for (let i = 0; i < disk.length; i++) disk[i] = (i >> 9) + (i & 511);
  writeFileSync(path, disk);
}

function requireTools(armemu) {
  let missing;
  if (!existsSync(image)) missing = `${image} is missing: node scripts/build-firmware.mjs`;
  else if (armemu && !existsSync(armemu)) missing = `${armemu} is missing: npm run build`;
  else if (!armemu && spawnSync('qemu-system-arm', ['--version']).error)
    missing = 'qemu-system-arm not found. Install the Debian package: apt-get install qemu-system-arm';
  if (missing) {
    console.error(missing);
    process.exit(2);
  }
}

async function main() {
  const args = process.argv.slice(2);
  const flag = args.find((arg) => /^--armemu(=|$)/.test(arg));
  const armemu = flag && resolve(root, flag.slice('--armemu='.length) || 'dist/cli/main.js');
  const verbose = args.includes('--verbose');
  const part = args.find((arg) => !arg.startsWith('--')) ?? '';
  requireTools(armemu);
  const scratch = mkdtempSync(join(tmpdir(), 'armemu-firmware-'));
  const disk = join(scratch, 'disk.img');
  let failed = 0;
  try {
    for (const session of sessions(disk)) {
      if (!session.name.includes(part) || (armemu && !session.armemu)) continue;
      makeDisk(disk);
      const start = Date.now();
      const failure = await runSession(session, armemu, verbose);
      const seconds = ((Date.now() - start) / 1000).toFixed(1);
      console.log(
        `${failure ? 'FAIL' : 'ok  '} ${session.name} (${seconds} s)${failure ? `\n${failure}` : ''}`,
      );
      if (failure) failed++;
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  console.log(failed === 0 ? 'all sessions as expected' : `${failed} session(s) failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

await main();
