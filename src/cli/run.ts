import type { Command } from 'commander';
import { OptionError, SnapshotError } from '../errors.ts';
import { checkReplaceable, readGuestImage, writeOutputFile } from '../host/files.ts';
import { openFlashFile } from '../host/flash-file.ts';
import { openHostFolder } from '../host/folder.ts';
import { parseSocketAddress } from '../host/gdb-socket.ts';
import { deviceTreeFor } from '../machine/load-guest.ts';
import {
  type ClockMode,
  type EngineMode,
  type GuestImage,
  type MachineOptions,
  normalizeOptions,
} from '../machine/options.ts';
import { edu } from '../pci/edu.ts';
import type { PciEndpoint } from '../pci/endpoint.ts';
import type { FlashFile } from '../ports/flash-file.ts';
import type { CommandIo } from './command-io.ts';
import { createDeviceLog } from './device-log.ts';
import { Drives } from './drive-option.ts';
import { ExitCode } from './exit-codes.ts';
import { parseNics } from './nic-option.ts';
import { collect, wholeNumber } from './option-values.ts';
import { ProfileFile } from './profile-option.ts';
import { runSession } from './run-session.ts';
import { openShares } from './share-option.ts';
import { type ReadSnapshot, readSnapshot } from './snapshot-file.ts';
import { statisticsReport } from './statistics-report.ts';
import { parseTrace, RunTrace } from './trace-option.ts';

/** Options of `armemu run` as commander gives them. */
export interface RunFlags {
  readonly machine?: string;
  readonly cpu?: string;
  readonly smp?: string;
  readonly memory?: string;
  readonly kernel?: string;
  readonly initrd?: string;
  readonly dtb?: string;
  readonly bios?: string;
  readonly pflash?: readonly string[];
  readonly append?: string;
  readonly vfio?: readonly string[];
  readonly drive?: readonly string[];
  readonly sd?: string;
  readonly snapshot?: boolean;
  readonly share?: readonly string[];
  readonly rng?: boolean;
  readonly nic?: readonly string[];
  readonly edu?: boolean;
  readonly clock?: string;
  readonly engine?: string;
  readonly semihosting?: boolean | string;
  readonly reboot: boolean;
  readonly gdb?: string;
  readonly stopped?: boolean;
  readonly save?: string;
  readonly restore?: string;
  readonly dumpDtb?: string;
  readonly stats?: boolean | string;
  readonly profile?: string;
  readonly trace?: string;
  readonly symbols?: readonly string[];
  readonly log?: string;
}

const EXAMPLES = `
Without --kernel, the embedded firmware runs: it lists what it sees, tests it, and leaves you at a prompt. It finds the
software PCI device 'edu' unless --vfio or --no-edu is given. Where standard input is no terminal, and there is no
--append, it runs its self-test and ends: exit code 0 when every check passed, 1 otherwise.

Examples:
  armemu run                              the embedded firmware
  armemu run --vfio 0000:01:00.0          ... with a real PCI device of this host
  armemu run -M virt -m 1G --kernel a.elf a bare-metal program
  armemu run --kernel vmlinuz --initrd initrd.gz --append console=ttyAMA0
                                          Linux for 32-bit Arm
  armemu run --save vm.snap               ... saved when you leave with Ctrl-A x
  armemu run --restore vm.snap            ... goes on there
  armemu run --dump-dtb virt.dtb          the board's device tree

QEMU's own spellings (-smp 2 -append TEXT -nographic -drive if=none,id=hd,... -device virtio-blk-device,drive=hd) are
taken as well: replace 'qemu-system-arm' by 'armemu run'.

In the terminal, Ctrl-A x leaves and Ctrl-A h shows the other keys.`;

/** Adds `armemu run`. */
export function addRunCommand(program: Command, io: CommandIo, done: (exitCode: number) => void): void {
  addRunOptions(program.command('run').description('run a guest'))
    .addHelpText('after', EXAMPLES)
    .action(async (flags: RunFlags) => done(await run(flags, io)));
}

/** The options of `armemu run`, also for commands that are told what is to be run. */
export function addRunOptions(command: Command): Command {
  return command
    .option(
      '-M, --machine <name>',
      'board: virt (default), vexpress-a9 or vexpress-a15; behind each ,iommu=smmuv2, behind virt also ,gic-version=3 and ,iommu=smmuv3',
    )
    .option('--cpu <model>', 'CPU model (default, and only one: that of the board)')
    .option('--smp <number>', 'number of CPUs (default: 1)')
    .option('-m, --memory <size>', 'RAM, such as 512M or 1G (default: 512M)')
    .option(
      '-k, --kernel <file>',
      'Linux zImage or uImage, or bare-metal Arm ELF executable (default: the embedded firmware)',
    )
    .option('--initrd <file>', 'initial RAM disk of the kernel')
    .option('--bios <file>', 'firmware that the CPU starts with, such as U-Boot')
    .option(
      '--pflash <file[,readonly]>',
      'contents of a flash bank, kept in the file; the first starts the CPU; may be given twice',
      collect,
    )
    .option('--dtb <file>', "flattened device tree in place of the board's own")
    .option('--append <text>', "the guest's command line")
    .option(
      '--vfio <address>',
      'hand this PCI device of the host (address, or path) to the guest; may be repeated',
      collect,
    )
    .option(
      '--drive <settings>',
      "virtio disk: 'file=FILE[,format=raw|qcow2][,bus=mmio|pci][,readonly=on]'; may be repeated",
      collect,
    )
    .option('--sd <file>', "SD card of a board with a slot, such as --drive 'if=sd,file=FILE'")
    .option('--snapshot', 'throw away what guests write to their disks')
    .option(
      '--share <settings>',
      "folder that the guest mounts by 9p: 'path=DIR,tag=TAG[,readonly=on]'; may be repeated",
      collect,
    )
    .option('--rng', 'virtio source of random numbers')
    .option(
      '--nic <network>',
      "network card: 'user[,hostfwd=tcp:127.0.0.1:2222-:22]'; may be repeated",
      collect,
    )
    .option('--edu', "plug the software PCI device 'edu'")
    .option('--no-edu', 'do not plug it')
    .option(
      '--clock <mode>',
      "virtual time follows the 'host' (default) or counts 'instructions': repeatable",
    )
    .option(
      '--engine <engine>',
      "what runs guest code: 'wasm' (default), 'interpreter', or both at once to compare them: 'lockstep'",
    )
    .option(
      '--semihosting [folder=DIR]',
      'let the guest end with an exit code, print, and use files in a folder by Arm semihosting',
    )
    .option('--no-reboot', 'end when the guest asks for a reset')
    .option('--gdb <[host:]port>', 'let gdb connect there (default host: 127.0.0.1)')
    .option('-S, --stopped', "do not start before gdb or the monitor says 'continue'")
    .option('--save <file>', 'save the machine to a file when you leave, or at a signal')
    .option('--restore <file>', 'go on where a machine was saved; what it was like is taken from the file')
    .option('--dump-dtb <file>', "write the board's device tree to a file, and end")
    .option('-d, --log <items>', "print what devices report: 'guest_errors', 'unimp', or both with a comma")
    .option(
      '--profile <file>',
      'write where the guest spent its instructions: folded stacks (.folded, .txt) or speedscope (.json)',
    )
    .option(
      '--symbols <file>',
      "names of functions for it: ELF file or System.map; may be repeated (default: the kernel's)",
      collect,
    )
    .option(
      '--trace <categories[=file]>',
      "write what passes over the PCI bus, for 'armemu trace': iommu, dma, irq, mmio, config, or all (default file: armemu-trace.jsonl)",
    )
    .option('--stats [format]', "at the end, print what the engine has done, as 'text' (default) or 'json'");
}

async function run(flags: RunFlags, io: CommandIo): Promise<number> {
  refuseForLockstep(flags);
  refuseInitrdAlone(flags);
  const report = statisticsReport(flags.stats);
  const traceFlag = flags.trace === undefined ? undefined : parseTrace(flags.trace);
  const interactive = io.stdin.isTTY === true;
  const snapshot = flags.restore === undefined ? undefined : await readSnapshot(flags.restore, io.stderr);
  const embedded = !namesGuest(flags) && snapshot === undefined;
  const selfTest = embedded && !interactive && flags.append === undefined;
  const say = (line: string): unknown => io.stderr.write(`armemu: ${line}\n`);
  const basic: MachineOptions = {
    ...defined('machine', flags.machine),
    ...defined('cpu', flags.cpu),
    ...defined('smp', flags.smp === undefined ? undefined : wholeNumber('--smp', flags.smp)),
    ...defined('memory', flags.memory),
    // The library checks the names.
    ...defined('clock', flags.clock as ClockMode | undefined),
    ...defined('engine', flags.engine as EngineMode | undefined),
    ...defined('append', selfTest ? 'selftest' : flags.append),
    // The firmware's own poweroff command gives its exit code by it.
    ...defined(
      'semihosting',
      semihostingOf(flags.semihosting) ?? (snapshot === undefined ? embedded : undefined),
    ),
    log: createDeviceLog(flags.log, say),
    warn: (message) => say(`warning: ${message}`),
  };
  const dtb = await readOptional(flags.dtb, 'device tree');
  const normalized = normalizeOptions({ ...basic, ...defined('dtb', dtb) });
  if (flags.dumpDtb !== undefined) {
    await writeOutputFile(flags.dumpDtb, deviceTreeFor(normalized));
    return ExitCode.ok;
  }
  const kernel = await readOptional(flags.kernel, 'kernel');
  const profile = await ProfileFile.open(flags.profile, flags.symbols, kernel);
  const bios = await readOptional(flags.bios, 'firmware');
  const initrd = await readOptional(flags.initrd, 'initrd');
  const addresses = flags.vfio ?? [];
  await refuseToSave(flags.save, addresses);
  const hadEdu = snapshot?.shape.pci.some(({ name }) => name === 'edu');
  const withEdu = flags.edu ?? hadEdu ?? (embedded && addresses.length === 0);
  const makeOptions = async (isFirst: boolean): Promise<MachineOptions> => ({
    ...basic,
    ...(isFirst ? defined('restore', snapshot?.image) : optionsAfterReset(flags, snapshot)),
    ...defined('kernel', kernel),
    ...defined('initrd', initrd),
    ...defined('dtb', dtb),
    ...defined('bios', bios),
    ...defined('pflash', await openFlash(flags.pflash, say)),
    disks: drives.forMachine(),
    ...defined('sd', drives.sdForMachine()),
    nics: parseNics(flags.nic ?? []),
    shares: openShares(flags.share ?? []),
    ...defined('rng', flags.rng),
    ...defined('trace', trace?.option),
    pci: await makeEndpoints(io, addresses, withEdu),
  });
  if (interactive) io.stderr.write('armemu: Ctrl-A x leaves, Ctrl-A h shows the keys\n');
  const drives = await Drives.open(flags.drive ?? [], flags.snapshot === true, flags.sd);
  let trace: RunTrace | undefined;
  try {
    trace = traceFlag && new RunTrace(traceFlag, say);
    return await runSession(io, makeOptions, {
      feedInput: !selfTest,
      reboot: flags.reboot,
      startStopped: flags.stopped === true,
      observe: (machine) => {
        profile?.add(machine.profile());
        return async () => {
          await profile?.write();
          if (report !== undefined) io.stderr.write(report(machine.statistics(), machine.shadowStatistics()));
        };
      },
      ...(flags.save === undefined ? {} : { saveAtEnd: flags.save }),
      ...(flags.gdb === undefined ? {} : { gdb: parseSocketAddress(flags.gdb, '--gdb') }),
    });
  } finally {
    await drives.close();
    trace?.close();
  }
}

function semihostingOf(flag: boolean | string | undefined): MachineOptions['semihosting'] {
  if (typeof flag !== 'string') return flag;
  const folder = /^folder=(.+)$/s.exec(flag)?.[1];
  if (folder === undefined) {
    throw new OptionError(
      `--semihosting: '${flag}' is unknown`,
      'write --semihosting or --semihosting folder=DIR',
    );
  }
  return { folder: openHostFolder(folder, '--semihosting') };
}

/** Whether the command line says what the machine starts from. */
function namesGuest({ kernel, bios, pflash }: RunFlags): boolean {
  return [kernel, bios, pflash].some((given) => given !== undefined);
}

/** The library refuses them too, but only when devices and ports are open. */
function refuseForLockstep(flags: RunFlags): void {
  if (flags.engine !== 'lockstep') return;
  const names = ['vfio', 'gdb', 'save', 'restore'] as const;
  const given = names.find((name) => flags[name] !== undefined);
  if (given === undefined) return;
  throw new OptionError(
    `--${given}: an engine in lockstep is for comparing, and can't be had with it`,
    `leave out --${given}, or take another --engine`,
  );
}

function refuseInitrdAlone(flags: RunFlags): void {
  if (flags.initrd === undefined || namesGuest(flags)) return;
  throw new OptionError(
    `--initrd ${flags.initrd}: there is no guest that takes it`,
    'give its kernel, too: --kernel FILE',
  );
}

/** Better at once than when the guest has worked for hours. */
async function refuseToSave(save: string | undefined, vfio: readonly string[]): Promise<void> {
  if (save === undefined) return;
  if (vfio.length > 0) {
    throw new OptionError(
      "--save: a machine with a device of the host can't be saved: its state is in the hardware",
      'leave out --save or --vfio',
    );
  }
  await checkReplaceable(save);
}

/**
 * A restored guest that asks for a reset starts from its kernel, which is not in a snapshot.
 * @throws SnapshotError when it is not given either
 */
function optionsAfterReset(flags: RunFlags, snapshot: ReadSnapshot | undefined): MachineOptions {
  if (snapshot === undefined) return {};
  const { machine, cpu, smp, memory, clock, embedded, semihosting } = snapshot.shape;
  if (!namesGuest(flags) && !embedded) {
    throw new SnapshotError(
      'the guest asked for a reset, and the snapshot does not hold what it started from',
      'give --kernel (or --bios) with --restore, too, or --no-reboot',
    );
  }
  const saved = { machine, cpu, smp, memory, clock: clock as ClockMode, semihosting };
  const given = [flags.machine, flags.cpu, flags.smp, flags.memory, flags.clock, flags.semihosting];
  return Object.fromEntries(Object.entries(saved).filter((_, i) => given[i] === undefined));
}

function readOptional(path: string | undefined, what: string): Promise<GuestImage | undefined> {
  return path === undefined ? Promise.resolve(undefined) : readGuestImage(path, what);
}

const READ_ONLY_SUFFIX = ',readonly';

async function openFlash(
  files: readonly string[] | undefined,
  say: (line: string) => unknown,
): Promise<readonly FlashFile[] | undefined> {
  if (files === undefined) return undefined;
  const opened: FlashFile[] = [];
  for (const file of files) {
    const readOnly = file.endsWith(READ_ONLY_SUFFIX);
    const path = readOnly ? file.slice(0, -READ_ONLY_SUFFIX.length) : file;
    opened.push(await openFlashFile(path, { readOnly, warn: (message) => say(`warning: ${message}`) }));
  }
  return opened;
}

async function makeEndpoints(
  io: CommandIo,
  addresses: readonly string[],
  withEdu: boolean,
): Promise<PciEndpoint[]> {
  const endpoints: PciEndpoint[] = withEdu ? [edu({ dmaMask: 0xffff_ffff })] : [];
  for (const address of addresses) endpoints.push(await io.library.vfio(address));
  return endpoints;
}

/** An object with this property, or none where there is no value: an absent option is not one of value undefined. */
function defined<K extends keyof MachineOptions>(
  name: K,
  value: MachineOptions[K] | undefined,
): Pick<MachineOptions, K> | Record<never, never> {
  return value === undefined ? {} : { [name]: value };
}
