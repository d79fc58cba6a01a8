import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { ArmemuError, OptionError } from '../errors.ts';
import type { CommandIo } from './command-io.ts';
import { ExitCode } from './exit-codes.ts';
import { addListCommand } from './list.ts';
import { withoutQemuSpellings } from './qemu-arguments.ts';
import { addRunCommand } from './run.ts';
import { addTraceCommand } from './trace.ts';
import { addVfioCommand } from './vfio.ts';

/** Commands that describe a guest. */
const TAKES_QEMU_SPELLINGS = [['run'], ['vfio', 'check']];

/**
 * The `armemu` command.
 * @param argv arguments behind the command's name
 * @returns its exit code; never throws
 */
export async function main(argv: readonly string[], io: CommandIo): Promise<number> {
  let exitCode: number = ExitCode.ok;
  const program = createProgram(io, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(inOwnWords(program, argv, io), { from: 'user' });
    return exitCode;
  } catch (error) {
    return report(error, io);
  }
}

/** A guest can be described as to QEMU; commander knows nothing of options with one dash and several letters. */
function inOwnWords(program: Command, argv: readonly string[], io: CommandIo): string[] {
  const path = TAKES_QEMU_SPELLINGS.find((names) => names.every((name, i) => argv[i] === name));
  if (path === undefined) return [...argv];
  const command = path.reduce(
    (parent, name) => parent.commands.find((child) => child.name() === name) ?? parent,
    program,
  );
  const note = (text: string): unknown => io.stderr.write(`armemu: note: ${text}\n`);
  return [...path, ...withoutQemuSpellings(argv.slice(path.length), command.options, note)];
}

function createProgram(io: CommandIo, done: (exitCode: number) => void): Command {
  const program = new Command('armemu')
    .description('An Arm board emulator that hands a real PCI device of the host to its guest')
    .version(packageVersion())
    .exitOverride()
    .hook('preAction', (_program, command) => refuseExcess(command))
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => write(personalError(text, 'armemu --help')),
    });
  addRunCommand(program, io, done);
  addListCommand(program, io, done);
  addVfioCommand(program, io, done);
  addTraceCommand(program, io, done);
  nameOwnHelp(program, 'armemu');
  return program;
}

/** @throws OptionError that names the first argument that a command has no use for */
function refuseExcess(command: Command): void {
  const { args, registeredArguments } = command;
  if (registeredArguments.some(({ variadic }) => variadic) || args.length <= registeredArguments.length)
    return;
  const excess = args[registeredArguments.length];
  const names: string[] = [];
  for (let at: Command | null = command; at !== null; at = at.parent) names.unshift(at.name());
  const own = names.join(' ');
  const kernel = own === 'armemu run' ? `a kernel is given as --kernel ${excess}; ` : '';
  throw new OptionError(`'${excess}' is one word too many for '${own}'`, `${kernel}see '${own} --help'`);
}

/** An error of a command leads to the help of that command. */
function nameOwnHelp(parent: Command, name: string): void {
  for (const command of parent.commands) {
    const own = `${name} ${command.name()}`;
    command.allowExcessArguments().configureOutput({
      outputError: (text, write) => write(personalError(text, `${own} --help`)),
    });
    nameOwnHelp(command, own);
  }
}

function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { version }: { version: string } = JSON.parse(text);
  return version;
}

/** commander's messages in the form of all others. */
function personalError(text: string, help: string): string {
  const [message, ...rest] = text.trimEnd().split('\n');
  const remedy = rest.length > 0 ? rest : [`see '${help}'`];
  return `armemu: ${message.replace(/^error: /, '')}\n${remedy.map((line) => `  ${line}\n`).join('')}`;
}

function report(error: unknown, io: CommandIo): number {
  if (error instanceof CommanderError) {
    return error.exitCode === 0 ? ExitCode.ok : ExitCode.badInput;
  }
  if (error instanceof ArmemuError) {
    const remedy = error.remedy === undefined ? '' : `${error.remedy.replace(/^/gm, '  ')}\n`;
    io.stderr.write(`armemu: ${error.message}\n${remedy}`);
    return ExitCode.badInput;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  io.stderr.write(`armemu: internal error, please report it\n${text}\n`);
  return ExitCode.internalError;
}
