import { OptionError } from '../errors.ts';
import { type Setting, Settings, settingsText } from './qemu-settings.ts';

/** Settings that say how QEMU does something on the host, or where a device is: without a meaning here. */
const WITHOUT_MEANING = new Set([
  ...['id', 'bus', 'addr', 'index', 'unit', 'bootindex', 'multifunction', 'romfile', 'rombar', 'iothread'],
  ...['cache', 'aio', 'discard', 'detect-zeroes', 'werror', 'rerror', 'vhost', 'name', 'vlan'],
  ...[
    'disable-legacy',
    'disable-modern',
    'security_model',
    'ipv4',
    'ipv6',
    'net',
    'rng',
    'max-bytes',
    'period',
  ],
]);

const DEVICES_REMEDY =
  "a device of this host is --vfio ADDRESS, the software one --edu; disks are --drive, network cards --nic, folders --share, each with ',bus=pci' for a PCI device; 'armemu list' shows what is on the board";

/** What `--nic` says of a card. */
interface Card {
  readonly mac?: string | undefined;
  readonly model?: string | undefined;
  readonly bus?: string | undefined;
}

/** Cards by QEMU's names. */
const CARDS: Readonly<Record<string, Card>> = {
  virtio: { model: 'virtio' },
  'virtio-net-device': { bus: 'mmio' },
  'virtio-net-pci': { bus: 'pci' },
  lan9118: { model: 'lan9118' },
};

function cardOf(settings: Settings, what: string): Card {
  const model = settings.take('model');
  if (model === undefined) return {};
  if (Object.hasOwn(CARDS, model)) return CARDS[model];
  throw new OptionError(
    `${what}: there is no card '${model}' here`,
    `there are: ${Object.keys(CARDS).join(', ')}`,
  );
}

/**
 * QEMU's way of giving a machine disks, cards and folders: what is on the host by one option, what the guest sees by
 * another one that names it.
 */
export class QemuDevices {
  private readonly drives = new Map<string, Settings>();
  private readonly networks = new Map<string, Settings>();
  private readonly folders = new Map<string, Settings>();
  private readonly devices: Settings[] = [];
  private readonly netNetworks: Settings[] = [];
  private netCard: Card = {};
  private readonly note: (text: string) => void;

  constructor(note: (text: string) => void) {
    this.note = note;
  }

  /** `-drive`. @returns what it is here; nothing yet for one that a device names */
  drive(text: string): string[] {
    const settings = new Settings(text);
    const kind = settings.take('if') ?? 'virtio';
    if (kind === 'none') return keep(this.drives, settings, `-drive ${text}`);
    const make = DRIVES[kind];
    if (make === undefined) {
      throw new OptionError(
        `-drive ${text}: there are no '${kind}' drives here`,
        "write if=virtio, or if=sd on a board with a card slot; then the guest's name of the disk may differ: /dev/vda, /dev/mmcblk0",
      );
    }
    return make(settings, this);
  }

  /** `-netdev`. */
  network(text: string): string[] {
    const settings = new Settings(text, 'type');
    checkUserNetwork(settings, `-netdev ${text}`);
    return keep(this.networks, settings, `-netdev ${text}`);
  }

  /** `-nic`, which is network and card in one. */
  nic(text: string): string[] {
    const settings = new Settings(text, 'type');
    if (settings.head === 'none') return ['--nic', 'none'];
    checkUserNetwork(settings, `-nic ${text}`);
    return this.card(settings, { mac: settings.take('mac'), ...cardOf(settings, '-nic') }, `-nic ${text}`);
  }

  /** `-net`, the form before `-nic`: the card by `nic`, what it is on by another. */
  net(text: string): string[] {
    const settings = new Settings(text, 'type');
    if (settings.head === 'none') return [];
    if (settings.head === 'nic') {
      this.netCard = { mac: settings.take('macaddr'), ...cardOf(settings, '-net nic') };
      return [];
    }
    checkUserNetwork(settings, `-net ${text}`);
    this.netNetworks.push(settings);
    return [];
  }

  /** `-fsdev`. */
  folder(text: string): string[] {
    return keep(this.folders, localFolder(text, '-fsdev'), `-fsdev ${text}`);
  }

  /** `-virtfs`, which is folder and device in one. */
  sharedFolder(text: string): string[] {
    const settings = localFolder(text, '-virtfs');
    return this.share(settings, settings.take('mount_tag'), undefined, `-virtfs ${text}`);
  }

  /** `-device`: looked at when everything that it may name is known. */
  device(text: string): string[] {
    const settings = new Settings(text, 'driver');
    if (!Object.hasOwn(DEVICES, settings.head)) {
      throw new OptionError(`-device ${settings.head}: there is no such device here`, DEVICES_REMEDY);
    }
    this.devices.push(settings);
    return [];
  }

  /** What all devices are here, and networks that no device names. */
  finish(): string[] {
    const made = this.devices.flatMap((settings) => DEVICES[settings.head](settings, this));
    const unplugged = [...this.networks.values()].flatMap((settings) => this.card(settings, {}, '-netdev'));
    const cards = this.netNetworks.flatMap((settings) => this.card(settings, this.netCard, '-net user'));
    for (const id of this.drives.keys()) {
      this.note(`-drive: no -device names '${id}', so the guest does not get it`);
    }
    return [...made, ...unplugged, ...cards];
  }

  /** A virtio disk. */
  disk(drive: Settings, device: Settings | undefined, bus: string | undefined): string[] {
    const readonly =
      drive.take('media') === 'cdrom' ? 'on' : (drive.take('readonly') ?? drive.take('read-only'));
    const own = drive.take('bus');
    if (drive.take('snapshot') === 'on') {
      throw new OptionError(
        '-drive: a single disk has no snapshot=on here',
        'write --snapshot: for all disks',
      );
    }
    const settings = named({
      file: drive.take('file'),
      format: drive.take('format'),
      bus: bus ?? (own === 'pci' || own === 'mmio' ? own : undefined),
      readonly,
      serial: drive.take('serial') ?? device?.take('serial'),
      queues: device?.take('num-queues'),
    });
    this.ignore('-drive', drive);
    if (device !== undefined) this.ignore(`-device ${device.head}`, device);
    return ['--drive', settingsText(settings)];
  }

  /** The board's SD card. */
  sdCard(drive: Settings): string[] {
    const settings = named({
      if: 'sd',
      file: drive.take('file'),
      format: drive.take('format'),
      readonly: drive.take('readonly'),
    });
    this.ignore('-drive', drive);
    return ['--drive', settingsText(settings)];
  }

  /** A flash bank. */
  flash(drive: Settings): string[] {
    const file = drive.take('file') ?? '';
    drive.take('format');
    const readonly = drive.take('readonly') === 'on' ? ',readonly' : '';
    this.ignore('-drive', drive);
    return ['--pflash', `${file}${readonly}`];
  }

  diskDevice(device: Settings, bus: string): string[] {
    return this.disk(this.named('drive', this.drives, device), device, bus);
  }

  networkDevice(device: Settings, bus: string): string[] {
    const network = this.named('netdev', this.networks, device);
    const mac = device.take('mac');
    this.ignore(`-device ${device.head}`, device);
    return this.card(network, { mac, bus }, '-netdev');
  }

  folderDevice(device: Settings, bus: string): string[] {
    const folder = this.named('fsdev', this.folders, device);
    const tag = device.take('mount_tag');
    this.ignore(`-device ${device.head}`, device);
    return this.share(folder, tag, bus, '-fsdev');
  }

  /** A device that is an option by itself. */
  plain(device: Settings, ...args: string[]): string[] {
    this.ignore(`-device ${device.head}`, device);
    return args;
  }

  private card(network: Settings, card: Card, what: string): string[] {
    const forwards = network.takeAll('hostfwd').map((value) => ({ name: 'hostfwd', value }));
    this.ignore(what, network);
    return ['--nic', settingsText([{ name: 'user', value: undefined }, ...forwards, ...named({ ...card })])];
  }

  private share(folder: Settings, tag: string | undefined, bus: string | undefined, what: string): string[] {
    const settings = named({ path: folder.take('path'), tag, readonly: folder.take('readonly'), bus });
    this.ignore(what, folder);
    return ['--share', settingsText(settings)];
  }

  /** What a device names on the host; it is its alone. */
  private named(setting: string, all: Map<string, Settings>, device: Settings): Settings {
    const id = device.take(setting);
    const found = id === undefined ? undefined : all.get(id);
    if (id === undefined || found === undefined) {
      throw new OptionError(
        `-device ${device.head}: ${id === undefined ? `it has no ${setting}=` : `there is no ${setting} '${id}'`}`,
        'give each its own, or write what armemu run --help shows: --drive, --nic, --share',
      );
    }
    all.delete(id);
    return found;
  }

  private ignore(what: string, settings: Settings): void {
    const unknown = settings.left.filter(({ name }) => !WITHOUT_MEANING.has(name));
    if (unknown.length > 0) this.note(`${what}: ${settingsText(unknown)} has no meaning here`);
  }
}

const DRIVES: Readonly<Record<string, (drive: Settings, devices: QemuDevices) => string[]>> = {
  virtio: (drive, devices) => devices.disk(drive, undefined, undefined),
  sd: (drive, devices) => devices.sdCard(drive),
  pflash: (drive, devices) => devices.flash(drive),
};

type DeviceMaker = (device: Settings, devices: QemuDevices) => string[];

const disk =
  (bus: string): DeviceMaker =>
  (device, devices) =>
    devices.diskDevice(device, bus);
const card =
  (bus: string): DeviceMaker =>
  (device, devices) =>
    devices.networkDevice(device, bus);
const folder =
  (bus: string): DeviceMaker =>
  (device, devices) =>
    devices.folderDevice(device, bus);
const plain =
  (...args: string[]): DeviceMaker =>
  (device, devices) =>
    devices.plain(device, ...args);

/** Devices of QEMU that armemu has, too. */
const DEVICES: Readonly<Record<string, DeviceMaker>> = {
  'virtio-blk-device': disk('mmio'),
  'virtio-blk-pci': disk('pci'),
  'virtio-net-device': card('mmio'),
  'virtio-net-pci': card('pci'),
  'virtio-9p-device': folder('mmio'),
  'virtio-9p-pci': folder('pci'),
  'virtio-rng-device': plain('--rng'),
  'virtio-rng-pci': plain('--rng'),
  edu: plain('--edu'),
  'vfio-pci': (device, devices) => {
    const address = device.take('host') ?? device.take('sysfsdev')?.replace(/^.*\//, '');
    if (address === undefined) {
      throw new OptionError(
        '-device vfio-pci: it has no host=',
        'write --vfio ADDRESS, as in --vfio 0000:01:00.0',
      );
    }
    return devices.plain(device, '--vfio', address);
  },
};

function keep(all: Map<string, Settings>, settings: Settings, what: string): string[] {
  const id = settings.take('id');
  if (id === undefined || all.has(id)) {
    throw new OptionError(
      `${what}: ${id === undefined ? 'it has no id=' : `there is another one with the id '${id}'`}`,
      'give each an id=NAME of its own, which a -device names',
    );
  }
  all.set(id, settings);
  return [];
}

function checkUserNetwork(settings: Settings, what: string): void {
  if (settings.head === 'user') return;
  throw new OptionError(
    `${what}: there is no network '${settings.head}' here`,
    '--nic user reaches the outside without root, and hostfwd= reaches the guest',
  );
}

function localFolder(text: string, option: string): Settings {
  const settings = new Settings(text, 'fsdriver');
  if (settings.head === 'local') return settings;
  throw new OptionError(
    `${option} ${text}: only folders of the host are shared`,
    'write --share path=DIR,tag=TAG',
  );
}

/** Settings that are there. */
function named(values: Readonly<Record<string, string | undefined>>): Setting[] {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ({ name, value }));
}
