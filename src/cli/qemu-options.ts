import { OptionError } from '../errors.ts';
import type { QemuDevices } from './qemu-devices.ts';
import { Settings, settingsText } from './qemu-settings.ts';

/** A command line while it is put into armemu's words. */
export interface TranslatedLine {
  readonly devices: QemuDevices;
  /** Serial ports so far. */
  serialPorts: number;
  /** Tells the person what was left out. */
  note(text: string): void;
}

/** What one of QEMU's options is here. */
export interface QemuOption {
  readonly takesValue: boolean;
  /**
   * @param value empty for an option that takes none
   * @returns arguments for armemu
   * @throws OptionError with what to write instead
   */
  readonly translate: (value: string, line: TranslatedLine) => readonly string[];
}

type Translate = QemuOption['translate'];

const valued = (translate: Translate): QemuOption => ({ takesValue: true, translate });
const bare = (translate: Translate): QemuOption => ({ takesValue: false, translate });

/** Options of the same meaning, whatever QEMU calls them. */
const same = (own: string): QemuOption => valued((value) => [own, value]);
const flag = (...own: readonly string[]): QemuOption => bare(() => own);

/** What is so here anyway. */
const so = flag();
const soWithValue = valued(() => []);

/** What makes no difference to the guest, or none that armemu can make. */
const noted = (why: string, takesValue = false): QemuOption => ({
  takesValue,
  translate: (_value, line) => {
    line.note(why);
    return [];
  },
});
const notedWithValue = (why: string): QemuOption => noted(why, true);

/** What the guest or the person would miss. */
const refused = (what: string, remedy: string, takesValue = true): QemuOption => ({
  takesValue,
  translate: () => {
    throw new OptionError(what, remedy);
  },
});

const NO_WINDOW = 'no window is opened; the monitor (Ctrl-A c) has the screen: screendump FILE';
const NO_SOUND = 'no sound is made on the host';
const OWN_ENGINE = 'armemu translates guest code by itself, on any host (--engine)';
const TO_BACKGROUND = "it stays in the foreground: put '&' behind the command, or use systemd-run";

/** Properties of QEMU's boards that are so here. */
const MACHINE_AS_HERE = new Set([
  ...['secure=off', 'virtualization=off', 'highmem=off', 'usb=off', 'graphics=off', 'graphics=on', 'its=on'],
  ...['iommu=none', 'mte=off', 'ras=off', 'acpi=off', 'highmem-ecam=off', 'dtb-randomness=on'],
]);

/** Properties that tell QEMU how to run a board. */
const MACHINE_WITHOUT_MEANING = ['accel', 'kernel-irqchip', 'dump-guest-core', 'mem-merge', 'highmem'];

function machine(value: string, line: TranslatedLine): readonly string[] {
  const settings = new Settings(value, 'type');
  if (settings.head === 'help' || settings.head === '?') {
    throw new OptionError('the boards are listed by a command of its own', 'armemu list');
  }
  const dumped = settings.take('dumpdtb');
  for (const name of MACHINE_WITHOUT_MEANING) {
    const given = settings.take(name);
    if (given === undefined || MACHINE_AS_HERE.has(`${name}=${given}`)) continue;
    line.note(`-machine ${name}=${given}: it has no meaning here`);
  }
  const kept = settings.left.filter(
    (setting) => !MACHINE_AS_HERE.has(`${setting.name}=${setting.value ?? 'on'}`),
  );
  const name = [settings.head, settingsText(kept)].filter((part) => part !== '').join(',');
  return [
    ...(settings.head === '' ? [] : ['--machine', name]),
    ...(dumped === undefined ? [] : ['--dump-dtb', dumped]),
  ];
}

function cpu(value: string, line: TranslatedLine): readonly string[] {
  const settings = new Settings(value, 'model');
  if (settings.head === 'help' || settings.head === '?') {
    throw new OptionError('the CPUs are listed with the boards', 'armemu list');
  }
  if (settings.left.length > 0) line.note(`-cpu: ${settingsText(settings.left)} has no meaning here`);
  return ['--cpu', settings.head];
}

/** How CPUs are put together (sockets, cores, threads) is no part of these boards; their number is. */
function smp(value: string): readonly string[] {
  const settings = new Settings(value, 'cpus');
  if (settings.head !== '') return ['--smp', settings.head];
  const parts = ['sockets', 'dies', 'clusters', 'cores', 'threads'].map((name) =>
    Number(settings.take(name) ?? 1),
  );
  return ['--smp', String(parts.reduce((product, part) => product * part, 1))];
}

function serial(value: string, line: TranslatedLine): readonly string[] {
  const isFirst = line.serialPorts++ === 0;
  if (isFirst ? value === 'stdio' || value === 'mon:stdio' : value === 'null' || value === 'none') return [];
  throw isFirst
    ? new OptionError(
        `-serial ${value}: the guest's console is on standard input and output`,
        "redirect them: armemu run ... < INPUT > OUTPUT; 'script' gives it a terminal",
      )
    : new OptionError(`-serial ${value}: only the first serial port leads outside`, 'leave the others out');
}

function monitor(value: string, line: TranslatedLine): readonly string[] {
  if (value === 'none' || value === 'null') return [];
  if (value !== 'stdio') {
    throw new OptionError(
      `-monitor ${value}: the monitor is on this terminal`,
      'leave it out: Ctrl-A c leads there',
    );
  }
  line.note('-monitor stdio: Ctrl-A c leads to the monitor, and back');
  return [];
}

function display(value: string, line: TranslatedLine, option = 'display'): readonly string[] {
  if (value !== 'none') line.note(`-${option} ${value}: ${NO_WINDOW}`);
  return [];
}

function accelerator(value: string, line: TranslatedLine): readonly string[] {
  if (value !== 'tcg') line.note(`-accel ${value}: ${OWN_ENGINE}`);
  return [];
}

/**
 * QEMU's options by their names, without the dash; QEMU takes two dashes as well. Where armemu has an option of the same
 * name and two dashes, that is armemu's.
 */
export const QEMU_OPTIONS: Readonly<Record<string, QemuOption>> = {
  M: valued(machine),
  machine: valued(machine),
  cpu: valued(cpu),
  smp: valued(smp),
  m: valued((value) => ['--memory', new Settings(value, 'size').head]),
  kernel: same('--kernel'),
  initrd: same('--initrd'),
  append: same('--append'),
  dtb: same('--dtb'),
  bios: same('--bios'),
  pflash: same('--pflash'),

  sd: same('--sd'),
  drive: valued((value, { devices }) => devices.drive(value)),
  ...Object.fromEntries(
    ['hda', 'hdb', 'hdc', 'hdd'].map((name) => [
      name,
      valued((value) => ['--drive', settingsText([{ name: 'file', value }])]),
    ]),
  ),
  cdrom: valued((value) => ['--drive', `${settingsText([{ name: 'file', value }])},format=raw,readonly=on`]),
  snapshot: flag('--snapshot'),
  mtdblock: refused('-mtdblock: there is no such flash here', 'flash banks are --pflash FILE'),
  blockdev: refused('-blockdev: disks are made of one option', 'write --drive file=FILE[,format=qcow2]'),

  device: valued((value, { devices }) => devices.device(value)),
  nic: valued((value, { devices }) => devices.nic(value)),
  netdev: valued((value, { devices }) => devices.network(value)),
  net: valued((value, { devices }) => devices.net(value)),
  fsdev: valued((value, { devices }) => devices.folder(value)),
  virtfs: valued((value, { devices }) => devices.sharedFolder(value)),
  usb: noted('these boards have no USB'),
  usbdevice: refused('-usbdevice: these boards have no USB', 'leave it out'),
  chardev: refused('-chardev: the guest has one console, on standard input and output', 'redirect them'),
  object: refused('-object: nothing here is made of QEMU objects', 'leave it out; random numbers are --rng'),
  fw_cfg: refused('-fw_cfg: armemu fills in the firmware configuration by itself', 'leave it out'),
  global: refused(
    '-global: devices have no properties to be set',
    "leave it out; 'armemu run --help' has what there is",
  ),
  readconfig: refused('-readconfig: there are no files of options', 'write the options themselves'),

  serial: valued(serial),
  nographic: so,
  display: valued(display),
  curses: noted(NO_WINDOW),
  sdl: noted(NO_WINDOW),
  vga: valued((value, line) => display(value, line, 'vga')),
  vnc: refused('-vnc: the guest is on this terminal only', 'leave it out'),
  spice: refused('-spice: the guest is on this terminal only', 'leave it out'),
  'full-screen': noted(NO_WINDOW),
  audio: notedWithValue(NO_SOUND),
  audiodev: notedWithValue(NO_SOUND),
  soundhw: notedWithValue(NO_SOUND),

  monitor: valued(monitor),
  mon: refused('-mon: the monitor is on this terminal', 'leave it out: Ctrl-A c leads there'),
  qmp: refused('-qmp: there is no control socket', 'drive armemu as a library: docs/library.md'),
  gdb: same('--gdb'),
  s: flag('--gdb', '1234'),
  S: flag('--stopped'),
  d: same('--log'),
  D: refused('-D: what devices report goes to standard error', 'redirect it: 2> FILE'),
  semihosting: flag('--semihosting'),
  'semihosting-config': valued((value) =>
    (new Settings(value, 'enable').take('enable') ?? 'on') === 'off' ? [] : ['--semihosting'],
  ),
  icount: valued(() => ['--clock', 'instructions']),
  'no-reboot': flag('--no-reboot'),
  loadvm: refused('-loadvm: snapshots are files of their own', 'write --restore FILE; --save FILE makes one'),
  incoming: refused(
    '-incoming: machines do not migrate',
    '--save FILE and --restore FILE take one elsewhere',
  ),

  accel: valued((value, line) => accelerator(new Settings(value, 'accel').head, line)),
  'enable-kvm': noted(OWN_ENGINE),
  rtc: notedWithValue("the real-time clock has the host's time in UTC"),
  boot: notedWithValue('the guest starts with --kernel, --bios or --pflash'),
  L: notedWithValue('no firmware files are looked for'),
  'no-shutdown': noted('it ends when the guest switches itself off'),
  singlestep: noted(OWN_ENGINE),
  'one-insn-per-tb': noted(OWN_ENGINE),
  daemonize: refused('-daemonize: armemu stays in the foreground', TO_BACKGROUND, false),
  pidfile: refused('-pidfile: none is written', 'the shell has the number of what it started last: $!'),
  name: soWithValue,
  uuid: soWithValue,
  nodefaults: so,
  'no-user-config': so,
  'no-acpi': so,
  'no-fd-bootchk': so,
  help: flag('--help'),
};
