import { OptionError } from '../errors.ts';
import { openDisk } from '../host/open-disk.ts';
import type { DiskOptions, VirtioBus } from '../machine/virtio-devices.ts';
import type { DiskBackend } from '../ports/disk.ts';
import { wholeNumber } from './option-values.ts';

const FORM =
  '--drive file=FILE[,format=raw|qcow2][,bus=mmio|pci][,readonly=on][,serial=TEXT][,queues=N]; a comma in a value is written twice';
const SETTINGS = ['file', 'format', 'if', 'id', 'bus', 'readonly', 'serial', 'queues'];

/**
 * The disks of a command line, one for each `--drive`, opened. They outlive the machines of a session, so that a guest
 * that reboots finds what it wrote, with `--snapshot` too.
 */
export class Drives {
  private readonly drives: readonly DiskOptions[];

  private constructor(drives: readonly DiskOptions[]) {
    this.drives = drives;
  }

  /**
   * @param snapshot what guests write is thrown away at the end
   * @throws OptionError that shows the form
   * @throws DiskError for an image that can't be used; nothing is left open
   */
  static async open(texts: readonly string[], snapshot: boolean): Promise<Drives> {
    const settings = texts.map(parseDrive);
    const drives: DiskOptions[] = [];
    try {
      for (const { file, format, bus, readOnly, serial, queues } of settings) {
        const disk = await openDisk(file, { ...(format && { format }), readOnly, snapshot });
        drives.push({ disk, ...(bus && { bus }), ...(serial && { serial }), ...(queues && { queues }) });
      }
    } catch (error) {
      await new Drives(drives).close();
      throw error;
    }
    return new Drives(drives);
  }

  /** For one machine, which only flushes them at its end. */
  forMachine(): DiskOptions[] {
    return this.drives.map((drive) => ({ ...drive, disk: keptOpen(drive.disk) }));
  }

  async close(): Promise<void> {
    const closed = await Promise.allSettled(this.drives.map(({ disk }) => disk.close()));
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

function parseDrive(text: string) {
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
  if (kind !== 'virtio') throw refuse(`this board has no '${kind}' drives, it has virtio`);
  const queues = settings.get('queues');
  return {
    file,
    format: settings.get('format'),
    // The library checks the bus.
    bus: settings.get('bus') as VirtioBus | undefined,
    readOnly: readonly === 'on',
    serial: settings.get('serial'),
    queues: queues === undefined ? undefined : wholeNumber('--drive queues', queues),
  };
}
