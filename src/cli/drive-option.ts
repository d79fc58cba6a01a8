import { OptionError } from '../errors.ts';
import { openDisk } from '../host/open-disk.ts';
import type { DiskOptions, VirtioBus } from '../machine/virtio-devices.ts';
import type { DiskBackend } from '../ports/disk.ts';
import { wholeNumber } from './option-values.ts';

const FORM =
  '--drive file=FILE[,format=raw|qcow2][,if=virtio|sd][,bus=mmio|pci][,readonly=on][,serial=TEXT][,queues=N]; a comma in a value is written twice';
const SETTINGS = ['file', 'format', 'if', 'id', 'bus', 'readonly', 'serial', 'queues'];

/**
 * The disks of a command line, one for each `--drive`, opened. They outlive the machines of a session, so that a guest
 * that reboots finds what it wrote, with `--snapshot` too.
 */
export class Drives {
  private readonly drives: readonly DiskOptions[];
  private readonly sd: DiskBackend | undefined;

  private constructor(drives: readonly DiskOptions[], sd: DiskBackend | undefined) {
    this.drives = drives;
    this.sd = sd;
  }

  /**
   * @param sd the file of the SD card, where `--sd` names one
   * @param snapshot what guests write is thrown away at the end
   * @throws OptionError that shows the form
   * @throws DiskError for an image that can't be used; nothing is left open
   */
  static async open(texts: readonly string[], snapshot: boolean, sd?: string): Promise<Drives> {
    const settings = texts.map(parseDrive);
    if (sd !== undefined) settings.push({ ...NOTHING_SAID, file: sd, isSd: true });
    if (settings.filter(({ isSd }) => isSd).length > 1) {
      throw new OptionError(
        '--sd: two SD cards do not fit into one slot',
        'give one, and the other as a disk',
      );
    }
    const drives: DiskOptions[] = [];
    let card: DiskBackend | undefined;
    try {
      for (const { file, isSd, format, bus, readOnly, serial, queues } of settings) {
        const disk = await openDisk(file, { ...(format && { format }), readOnly, snapshot });
        if (isSd) card = disk;
        else
          drives.push({
            disk,
            ...(bus && { bus }),
            ...(serial && { serial }),
            ...(queues !== undefined && { queues }),
          });
      }
    } catch (error) {
      await new Drives(drives, card).close();
      throw error;
    }
    return new Drives(drives, card);
  }

  /** For one machine, which only flushes them at its end. */
  forMachine(): DiskOptions[] {
    return this.drives.map((drive) => ({ ...drive, disk: keptOpen(drive.disk) }));
  }

  /** The SD card for one machine, which only flushes it at its end; undefined: there is none. */
  sdForMachine(): DiskBackend | undefined {
    return this.sd && keptOpen(this.sd);
  }

  async close(): Promise<void> {
    const disks = [...this.drives.map(({ disk }) => disk), ...(this.sd === undefined ? [] : [this.sd])];
    const closed = await Promise.allSettled(disks.map((disk) => disk.close()));
    const failed = closed.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }
}

function keptOpen(disk: DiskBackend): DiskBackend {
  return {
    name: disk.name,
    size: disk.size,
    readOnly: disk.readOnly,
    read: (offset, into) => disk.read(offset, into),
    write: (offset, from) => disk.write(offset, from),
    writeZeroes: (offset, length, mayUnmap) => disk.writeZeroes(offset, length, mayUnmap),
    discard: (offset, length) => disk.discard(offset, length),
    ...(disk.identity && { identity: () => disk.identity!() }),
    ...(disk.saveWrites && { saveWrites: () => disk.saveWrites!() }),
    ...(disk.restoreWrites && { restoreWrites: (writes) => disk.restoreWrites!(writes) }),
    flush: () => disk.flush(),
    close: () => disk.flush(),
  };
}

/** What a `--drive` says. */
interface DriveSettings {
  readonly file: string;
  readonly isSd: boolean;
  readonly format: string | undefined;
  readonly bus: VirtioBus | undefined;
  readonly readOnly: boolean;
  readonly serial: string | undefined;
  readonly queues: number | undefined;
}

const NOTHING_SAID = {
  format: undefined,
  bus: undefined,
  readOnly: false,
  serial: undefined,
  queues: undefined,
};

function parseDrive(text: string): DriveSettings {
  const refuse = (what: string): OptionError =>
    new OptionError(`--drive ${text}: ${what}`, `write it as ${FORM}`);
  const settings = new Map<string, string>();
  for (const setting of text.replaceAll(',,', '\0').split(',')) {
    const [, name, value] = /^([\w-]+)=(.*)$/s.exec(setting.replaceAll('\0', ',')) ?? [];
    if (name === undefined || !SETTINGS.includes(name)) throw refuse(`'${setting}' is no setting of it`);
    settings.set(name, value);
  }
  const file = settings.get('file');
  if (!file) throw refuse('it names no file');
  const readonly = settings.get('readonly') ?? 'off';
  if (readonly !== 'on' && readonly !== 'off') throw refuse("readonly is 'on' or 'off'");
  const kind = settings.get('if') ?? 'virtio';
  if (kind !== 'virtio' && kind !== 'sd')
    throw refuse(`there are no '${kind}' drives, there are: virtio, sd`);
  const isSd = kind === 'sd';
  const foreign = isSd ? ['bus', 'serial', 'queues'].find((name) => settings.has(name)) : undefined;
  if (foreign !== undefined) throw refuse(`an SD card has no ${foreign}`);
  const queues = settings.get('queues');
  return {
    file,
    isSd,
    format: settings.get('format'),
    // The library checks the bus.
    bus: settings.get('bus') as VirtioBus | undefined,
    readOnly: readonly === 'on',
    serial: settings.get('serial'),
    queues: queues === undefined ? undefined : wholeNumber('--drive queues', queues),
  };
}
