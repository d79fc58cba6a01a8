import type { BoardDescription } from '../boards/board.ts';
import { SERIAL_BYTES, VirtioBlock } from '../devices/virtio/block.ts';
import { VirtioConsole } from '../devices/virtio/console.ts';
import { hostEntropy, repeatableEntropy, VirtioEntropy } from '../devices/virtio/entropy.ts';
import type { VirtioNet } from '../devices/virtio/net.ts';
import { VirtioNineP } from '../devices/virtio/ninep.ts';
import { type VirtioDevice, VirtioFeature } from '../devices/virtio/virtio-device.ts';
import { virtioPci } from '../devices/virtio/virtio-pci.ts';
import { OptionError } from '../errors.ts';
import type { PciEndpoint } from '../pci/endpoint.ts';
import type { Clock, WallClock } from '../ports/clock.ts';
import type { DiskBackend } from '../ports/disk.ts';
import type { DeviceLog } from '../ports/mmio.ts';
import type { NetworkBackend } from '../ports/network.ts';
import type { ShareBackend } from '../ports/share.ts';
import { macsOf, makeNic, type NicOptions, withModels } from './nic-options.ts';
import type { SerialPort } from './serial.ts';

/** Where a virtio device is put: into a virtio-mmio transport (the default) or on the PCI bus. */
export type VirtioBus = 'mmio' | 'pci';

/** A disk of a machine. It belongs to the machine, which closes it at its end. */
export interface DiskOptions {
  readonly disk: DiskBackend;
  readonly bus?: VirtioBus;
  /** What the guest reads as its serial number: ASCII, 20 characters at most. */
  readonly serial?: string;
  /** Queues, 1 (default) to 16. */
  readonly queues?: number;
}

/** A folder that the guest mounts: `mount -t 9p -o trans=virtio,version=9p2000.L TAG /mnt`. It belongs to the machine. */
export interface ShareOptions {
  readonly share: ShareBackend;
  /** What the guest mounts it by: 1 to 31 bytes. */
  readonly tag: string;
  readonly bus?: VirtioBus;
}

/** The options of a machine that are virtio devices, in the order in which they get their places. */
export interface VirtioOptions {
  /** Block devices. */
  readonly disks?: readonly DiskOptions[];
  /** Network cards; only with the clock that follows the host. */
  readonly nics?: readonly NicOptions[];
  /** Folders of the host, by the 9P2000.L protocol. */
  readonly shares?: readonly ShareOptions[];
  /** A second console, `machine.virtioConsole`; Linux calls it hvc0. */
  readonly virtioConsole?: boolean | OnBus;
  /** A source of random numbers: the host's, or with the counting clock the same ones in each run. */
  readonly rng?: boolean | OnBus;
}

/** Where a device is put that has nothing else to be said of. */
export interface OnBus {
  readonly bus?: VirtioBus;
}

/** The virtio devices of a machine by their buses. */
export interface VirtioDevices {
  readonly mmio: readonly VirtioDevice[];
  readonly pci: readonly PciEndpoint[];
  /** The network cards among them, in the order of the options; undefined for the one on the board. */
  readonly nics: readonly (VirtioNet | undefined)[];
  /** What the card on the board is plugged into; absent: nothing. */
  readonly ethernet?: { readonly network: NetworkBackend; readonly mac: Uint8Array };
}

/** What a machine gives to its virtio devices. */
export interface VirtioParts {
  readonly clock: Clock;
  readonly wallClock: WallClock;
  readonly log: DeviceLog;
  readonly warn: (message: string) => void;
  /** Random numbers are the same in each run. */
  readonly repeatable: boolean;
  /** The far end of the second console, where there is one. */
  readonly console: SerialPort | undefined;
  /** An IOMMU translates what PCI functions access: drivers must give them its addresses. */
  readonly behindIommu: boolean;
}

const BUSES: readonly string[] = ['mmio', 'pci'];
const MAX_QUEUES = 16;
const MAX_TAG_BYTES = 31;

/**
 * The virtio devices among a machine's options.
 * @throws OptionError for what can't be
 */
export function checkVirtioOptions(board: BoardDescription, options: VirtioOptions): VirtioOptions {
  const { disks = [], shares = [] } = options;
  const nics = withModels(board, options.nics ?? []);
  const virtioConsole = placed(options.virtioConsole);
  const rng = placed(options.rng);
  for (const disk of disks) checkDisk(disk);
  checkTags(shares);
  const twice = disks.find(({ disk }, i) => disks.findIndex((other) => other.disk === disk) !== i);
  if (twice !== undefined) {
    throw new OptionError(`disks: ${twice.disk.name} is there twice`, 'open one disk for each');
  }
  macsOf(nics);
  const shared = nics.find(({ network }, i) => nics.findIndex((other) => other.network === network) !== i);
  if (shared !== undefined) {
    throw new OptionError(
      `nics: the ${shared.network.name} is there twice`,
      'make one network for each card, or a hub',
    );
  }
  const all = [
    ...disks,
    ...nics.filter(({ model }) => model === 'virtio'),
    ...shares,
    ...[virtioConsole, rng].filter((device) => device !== undefined),
  ];
  for (const { bus } of all) checkBus(bus);
  const transports = board.devices.filter(({ kind }) => kind === 'virtio-mmio').length;
  const onMmio = all.filter(({ bus }) => bus !== 'pci').length;
  if (onMmio > transports) {
    throw new OptionError(
      `${onMmio} virtio devices do not fit into the ${transports} virtio-mmio transports of ${board.name}`,
      'put some on the PCI bus (bus=pci)',
    );
  }
  return { disks, nics, shares, ...(virtioConsole && { virtioConsole }), ...(rng && { rng }) };
}

function checkTags(shares: readonly ShareOptions[]): void {
  for (const [i, { tag, share }] of shares.entries()) {
    const bytes = new TextEncoder().encode(tag).length;
    if (bytes === 0 || bytes > MAX_TAG_BYTES || /[\0\s,]/.test(tag)) {
      throw new OptionError(
        `shares: '${tag}' can't be the tag of ${share.name}`,
        `give it 1 to ${MAX_TAG_BYTES} bytes without blanks and commas`,
      );
    }
    if (shares.findIndex((other) => other.tag === tag) === i) continue;
    throw new OptionError(`shares: the tag '${tag}' is there twice`, 'give each folder its own');
  }
}

function checkDisk({ disk, serial = '', queues = 1 }: DiskOptions): void {
  if (!/^[\x20-\x7e]*$/.test(serial) || serial.length > SERIAL_BYTES) {
    throw new OptionError(
      `disks: '${serial}' can't be the serial number of ${disk.name}`,
      `give it ${SERIAL_BYTES} ASCII characters at most`,
    );
  }
  if (!Number.isInteger(queues) || queues < 1 || queues > MAX_QUEUES) {
    throw new OptionError(`disks: ${disk.name} can't have ${queues} queues`, `give it 1 to ${MAX_QUEUES}`);
  }
}

function checkBus(bus: string | undefined): void {
  if (bus !== undefined && !BUSES.includes(bus)) {
    throw new OptionError(`there is no bus '${bus}' for virtio devices`, `there are: ${BUSES.join(', ')}`);
  }
}

function placed(option: boolean | OnBus | undefined): OnBus | undefined {
  if (option === undefined || option === false) return undefined;
  return option === true ? {} : option;
}

/** Makes the devices of checked options. */
export function makeVirtioDevices(options: VirtioOptions, parts: VirtioParts): VirtioDevices {
  const mmio: VirtioDevice[] = [];
  const pci: PciEndpoint[] = [];
  // Without it drivers give physical addresses (Virtio 1.1 6.1).
  const platform = parts.behindIommu ? VirtioFeature.ACCESS_PLATFORM : 0n;
  const place = (bus: VirtioBus | undefined, device: VirtioDevice): void => {
    if (bus === 'pci') pci.push(virtioPci(device, parts.log, platform));
    else mmio.push(device);
  };
  const { clock, warn, console } = parts;
  for (const { disk, bus, serial, queues } of options.disks ?? []) {
    place(bus, new VirtioBlock({ disk, clock, warn, ...(serial && { serial }), ...(queues && { queues }) }));
  }
  const nics = options.nics ?? [];
  const macs = macsOf(nics);
  const cards = nics.map((nic, i) => (nic.model === 'virtio' ? makeNic(nic, macs[i], clock) : undefined));
  for (const [i, card] of cards.entries()) if (card) place(nics[i].bus, card);
  const onBoard = nics.findIndex(({ model }) => model === 'lan9118');
  // A whole second at power on, so that a run by the counting clock is the same each time.
  const startNs = BigInt(Math.floor(parts.wallClock.unixSeconds())) * 1_000_000_000n;
  for (const { share, tag, bus } of options.shares ?? []) {
    place(bus, new VirtioNineP({ share, tag, nowNs: () => startNs + BigInt(Math.floor(clock.nowNs())) }));
  }
  const consoleAt = placed(options.virtioConsole);
  if (consoleAt !== undefined && console !== undefined) place(consoleAt.bus, connectedConsole(console));
  const rng = placed(options.rng);
  if (rng !== undefined) {
    place(rng.bus, new VirtioEntropy(parts.repeatable ? repeatableEntropy() : hostEntropy()));
  }
  return {
    mmio,
    pci,
    nics: cards,
    ...(onBoard >= 0 && { ethernet: { network: nics[onBoard].network, mac: macs[onBoard] } }),
  };
}

function connectedConsole(line: SerialPort): VirtioConsole {
  const device = new VirtioConsole({
    transmit: (bytes) => {
      for (const byte of bytes) line.transmit(byte);
    },
    onReceiveSpace: () => line.readyToReceive(),
  });
  line.connect(device);
  return device;
}
