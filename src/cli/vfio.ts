import type { Command } from 'commander';
import type { BoardDescription } from '../boards/board.ts';
import { OptionError } from '../errors.ts';
import { normalizeOptions } from '../machine/options.ts';
import type { GuestShape } from '../vfio/host-devices.ts';
import type { CommandIo } from './command-io.ts';
import { ExitCode } from './exit-codes.ts';
import { wholeNumber } from './option-values.ts';
import { addRunOptions, type RunFlags } from './run.ts';
import { changeText, checkText, deviceTable } from './vfio-text.ts';

const ADDRESSES = `
A device is named by its PCI address (0000:01:00.0, or 01:00.0 in domain 0000), or by its path from its host bridge
(PNP0A03:0-1c.1-00.0: the bridge's ACPI name and number, then device and function on each bus), which stays the same
when buses are numbered anew. 'armemu vfio list --json' shows both.`;

const CHECK_HELP = `
Options of 'armemu run' say what the guest will be like; --machine, --memory and --vfio count here. Devices that --vfio
names are checked as well, and count for the memory that is pinned.
${ADDRESSES}

Exit code: 0 when a guest can have each device, 1 when not, 2 for a wrong command line.`;

const BIND_HELP = `
Needs root. Writes driver_override, unbinds the old driver and lets the kernel bind vfio-pci, which it loads if need be.
Changes nothing unless all devices can be bound. Refuses a device with a mounted disk or swap space, a network interface
with an address or a route, the boot display, and a device whose IOMMU group the host uses, unless --force is given.
The drivers that devices had are remembered in /run/armemu/vfio-drivers.json until the next boot (without root, in
$XDG_RUNTIME_DIR/armemu/vfio-drivers.json); after a boot, devices have their own drivers again.`;

const UNBIND_HELP = `
Needs root. Restores driver_override and the driver as 'armemu vfio bind' found them; it remembers them in
/run/armemu/vfio-drivers.json (without root, in $XDG_RUNTIME_DIR/armemu/vfio-drivers.json). A device that is not
remembered there gets the driver that the kernel chooses. Refuses a device that a guest has, unless --force is given.`;

/** Adds `armemu vfio`. */
export function addVfioCommand(program: Command, io: CommandIo, done: (exitCode: number) => void): void {
  const vfio = program
    .command('vfio')
    .description('see what keeps PCI devices of this host from a guest, and get them ready');
  vfio
    .command('list')
    .description('list the PCI devices of this host: driver, IOMMU group, resets, BARs, and what is missing')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nBridges are left out: no guest can have them.')
    .action(async (flags: { readonly json?: boolean }) => {
      const devices = (await io.library.hostDevices()).list();
      io.stdout.write(flags.json ? `${toJson(devices)}\n` : deviceTable(devices));
      done(ExitCode.ok);
    });
  addRunOptions(
    vfio
      .command('check')
      .description(
        'check all that a device needs before a guest can have it, with the command that mends each',
      )
      .argument('<device...>', 'PCI address or path'),
  )
    .option('--json', 'as JSON')
    .addHelpText('after', CHECK_HELP)
    .action(async (devices: string[], flags: RunFlags & { readonly json?: boolean }) =>
      done(await check(devices, flags, io)),
    );
  addBindCommand(vfio, 'bind', BIND_HELP, io, done)
    .description('bind devices to vfio-pci, and remember the drivers that they had')
    .option('--force', 'also when the host uses them, or other devices of their IOMMU groups');
  addBindCommand(vfio, 'unbind', UNBIND_HELP, io, done)
    .description('take devices from vfio-pci, and give them back to the drivers that they had')
    .option('--force', 'also when a guest has them: waits until it has let them go');
}

interface BindFlags {
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

function addBindCommand(
  vfio: Command,
  name: 'bind' | 'unbind',
  help: string,
  io: CommandIo,
  done: (exitCode: number) => void,
): Command {
  return vfio
    .command(name)
    .argument('<device...>', 'PCI address or path')
    .option('--dry-run', 'print what would be written, and write nothing')
    .option('--json', 'as JSON')
    .addHelpText('after', `${help}\n${ADDRESSES}`)
    .action(async (devices: string[], { dryRun = false, force = false, json }: BindFlags) => {
      const host = await io.library.hostDevices();
      const addresses = devices.map((text) => host.resolve(text));
      const changes = host[name](addresses, { dryRun, force });
      io.stdout.write(
        json ? `${toJson(changes)}\n` : changes.map((change) => changeText(change, dryRun)).join(''),
      );
      done(ExitCode.ok);
    });
}

async function check(
  devices: readonly string[],
  flags: RunFlags & { readonly json?: boolean },
  io: CommandIo,
): Promise<number> {
  const host = await io.library.hostDevices();
  const addresses = [...new Set([...devices, ...(flags.vfio ?? [])].map((text) => host.resolve(text)))];
  const checked = host.check(addresses, guestShape(flags));
  io.stdout.write(flags.json ? `${toJson(checked)}\n` : checked.map(checkText).join('\n'));
  return checked.every(({ ready }) => ready) ? ExitCode.ok : ExitCode.notReady;
}

/** What of the machine that these options describe concerns the host. */
function guestShape({ machine, cpu, smp, memory }: RunFlags): GuestShape {
  const { board, memory: ramSize } = normalizeOptions({
    ...(machine === undefined ? {} : { machine }),
    ...(cpu === undefined ? {} : { cpu }),
    ...(smp === undefined ? {} : { smp: wholeNumber('--smp', smp) }),
    ...(memory === undefined ? {} : { memory }),
  });
  return { ramBase: board.ram.base, ramSize, window: pciWindow(board) };
}

function pciWindow(board: BoardDescription): GuestShape['window'] {
  for (const row of board.devices) if (row.kind === 'pcie-host') return row.memoryWindow;
  throw new OptionError(`${board.name} has no PCI slot`, 'take another --machine');
}

/** What there is not is null: a property that is missing would look like one of another version. */
function toJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => part ?? null, 2);
}
