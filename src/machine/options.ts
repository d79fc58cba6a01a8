import type { EngineKind } from '../arm/engine-kind.ts';
import { type BoardDescription, type CpuModel, hasIommu } from '../boards/board.ts';
import { BOARDS } from '../boards/boards.ts';
import { ImageError, OptionError } from '../errors.ts';
import type { PciEndpoint } from '../pci/endpoint.ts';
import { isHostAttached } from '../pci/host-device.ts';
import type { WallClock } from '../ports/clock.ts';
import type { DiskBackend } from '../ports/disk.ts';
import type { FlashFile } from '../ports/flash-file.ts';
import { type DeviceLog, silentLog } from '../ports/mmio.ts';
import { TRACE_CATEGORIES, type TraceOptions } from '../trace/events.ts';
import { namedBoard } from './machine-option.ts';
import { chooseByName, nearestName } from './named-choice.ts';
import { checkSdCard } from './sd-option.ts';
import type { SemihostingOptions } from './semihosting-calls.ts';
import { parseSize, sizeText } from './units.ts';
import { checkVirtioOptions, type VirtioOptions } from './virtio-devices.ts';

/** What virtual time follows: the host's clock, or the number of instructions executed (a run is then repeatable). */
export type ClockMode = 'host' | 'instructions';

/**
 * What runs guest code: an engine, or `lockstep`, which runs everything in the interpreter and once more in `wasm`, and
 * stops at the first difference.
 */
export type EngineMode = EngineKind | 'lockstep';

/** A guest image with a name for messages. */
export interface GuestImage {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A snapshot, and who wants to know how far restoring it is. */
export interface SnapshotImage {
  /** For messages. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** @param done from 0 to 1 */
  progress?(done: number): void;
}

/** What a machine is made from. Everything has a default: `createMachine()` boots the embedded firmware on `virt`. */
export interface MachineOptions extends VirtioOptions {
  /**
   * Board: `virt` (default), `vexpress-a9`, `vexpress-a15`, also with properties: `virt,gic-version=3`, `virt,iommu=smmuv2`,
   * `virt,iommu=smmuv3`.
   */
  readonly machine?: string;
  /** The board's interrupt controller: 2 (default), or 3 with an ITS. The same as `machine: 'virt,gic-version=3'`. */
  readonly gicVersion?: 2 | 3;
  /** CPU model: the board's first. */
  readonly cpu?: string;
  /** Number of CPUs: 1 (default) to 8, or to the 4 of the Versatile Express boards. */
  readonly smp?: number;
  /** RAM: bytes as a number, or text such as `512M` (default); a multiple of 64 KiB, 1 MiB to 3 GiB. */
  readonly memory?: number | string;
  /** A Linux zImage or uImage, or a bare-metal Arm ELF executable. Absent: the embedded firmware. */
  readonly kernel?: Uint8Array | GuestImage;
  /** Initial RAM disk of a kernel. */
  readonly initrd?: Uint8Array | GuestImage;
  /** A flattened device tree in place of the board's own; memory, command line and initial RAM disk are written into it. */
  readonly dtb?: Uint8Array | GuestImage;
  /** The guest's command line, `bootargs` of its device tree. */
  readonly append?: string;
  /** Firmware that the CPU starts with, at address 0: the contents of the first flash bank. What a guest changes is lost. */
  readonly bios?: Uint8Array | GuestImage;
  /** Files of the board's flash banks, in their order; each has exactly the bank's size. The CPU starts in the first. */
  readonly pflash?: readonly FlashFile[];
  /** The SD card of a board that has a slot; a power of two bytes long. It belongs to the machine, which closes it at its end. */
  readonly sd?: DiskBackend;
  /** PCI functions, in the order of their device numbers from 1; 31 at most. */
  readonly pci?: readonly PciEndpoint[];
  /** `host` (default) or `instructions`. */
  readonly clock?: ClockMode;
  /** `wasm` (default), `interpreter`, or `lockstep`, which implies the clock `instructions`. */
  readonly engine?: EngineMode;
  /**
   * A snapshot (`machine.save()`): the machine goes on where that one was saved. What is not given here is taken from it;
   * kernel, initrd, dtb and append are not read, what they made is in the saved RAM.
   */
  readonly restore?: Uint8Array | SnapshotImage;
  /** Arm semihosting: a program ends the machine with an exit code, prints, and opens files of a folder; off by default. */
  readonly semihosting?: boolean | SemihostingOptions;
  /** Where the real-time clock starts. Absent: the host's time, or 1970 with the counting clock. */
  readonly wallClock?: WallClock;
  /** What passes over the PCI bus, as it passes: accesses, DMA, interrupts, translations. Absent: nothing, at no cost. */
  readonly trace?: TraceOptions;
  /** Told about what guests do wrong and what is not modelled. Absent: nobody. */
  readonly log?: DeviceLog;
  /** Told what a person should know while the guest runs, such as a device of the host that was lost. Absent: nobody. */
  readonly warn?: (message: string) => void;
}

/** Options after defaults and checks. */
export interface NormalizedOptions {
  /** As it was given: the board's name, and what it was asked to be like. */
  readonly machine: string;
  readonly board: BoardDescription;
  readonly cpuModel: CpuModel;
  readonly cpus: number;
  /** In bytes. */
  readonly memory: number;
  /** Undefined: the embedded firmware. */
  readonly kernel: GuestImage | undefined;
  readonly initrd: GuestImage | undefined;
  /** Undefined: the board's own. */
  readonly dtb: GuestImage | undefined;
  /** For each flash bank what keeps its contents. */
  readonly flash: readonly (FlashFile | undefined)[];
  readonly append: string | undefined;
  readonly pci: readonly PciEndpoint[];
  readonly virtio: VirtioOptions;
  /** Undefined: no card is in the slot. */
  readonly sd: DiskBackend | undefined;
  readonly clock: ClockMode;
  readonly engine: EngineMode;
  readonly restore: SnapshotImage | undefined;
  /** Undefined: off. */
  readonly semihosting: SemihostingOptions | undefined;
  readonly wallClock: WallClock | undefined;
  readonly trace: Required<TraceOptions> | undefined;
  readonly log: DeviceLog;
  readonly warn: (message: string) => void;
}

const CLOCKS: readonly { readonly name: ClockMode }[] = [{ name: 'host' }, { name: 'instructions' }];
/** The first is the default. */
const ENGINES: readonly { readonly name: EngineMode }[] = [
  { name: 'wasm' },
  { name: 'interpreter' },
  { name: 'lockstep' },
];
const MINIMUM_MEMORY = 2 ** 20;
/** Pages of a WebAssembly memory, which RAM is a part of. */
const MEMORY_GRANULE = 2 ** 16;
/** Device 0 of bus 0 is the host bridge. */
const MAX_PCI_FUNCTIONS = 31;

const OPTION_NAMES = [
  'machine',
  'gicVersion',
  'cpu',
  'smp',
  'memory',
  'kernel',
  'initrd',
  'dtb',
  'bios',
  'pflash',
  'append',
  'sd',
  'pci',
  'disks',
  'shares',
  'nics',
  'virtioConsole',
  'rng',
  'clock',
  'engine',
  'restore',
  'semihosting',
  'wallClock',
  'trace',
  'log',
  'warn',
] as const satisfies readonly (keyof MachineOptions)[];

/**
 * Fills in defaults and refuses what can't be.
 * @throws OptionError that names the option, the value, and what is possible
 */
export function normalizeOptions(given: MachineOptions): NormalizedOptions {
  refuseUnknownOptions(given);
  const engine = chooseByName('engine', given.engine ?? ENGINES[0].name, ENGINES).name;
  const options = engine === 'lockstep' ? checkedForLockstep(given) : given;
  const { name, board } = namedBoard(options.machine ?? BOARDS[0].name, options.gicVersion);
  const cpuModel = chooseByName('cpu', options.cpu ?? board.cpuModels[0].name, board.cpuModels);
  return {
    machine: name,
    board,
    cpuModel,
    cpus: checkedCpus(board, options.smp ?? 1),
    memory: checkedMemory(board, options.memory ?? board.ram.defaultSize),
    kernel: namedImage(options.kernel, 'the kernel'),
    initrd: notEmpty(namedImage(options.initrd, 'the initrd')),
    dtb: namedImage(options.dtb, 'the device tree'),
    flash: flashOf(board, namedImage(options.bios, 'the firmware'), options.pflash ?? []),
    append: checkedAppend(options.append),
    pci: checkedEndpoints(options.pci ?? [], name, board),
    virtio: checkVirtioOptions(board, checkedNics(options)),
    sd: checkSdCard(
      board,
      options.sd,
      (options.disks ?? []).map(({ disk }) => disk),
    ),
    clock: chooseByName('clock', options.clock ?? 'host', CLOCKS).name,
    engine,
    restore: namedImage(options.restore, 'the snapshot'),
    semihosting: options.semihosting === true ? {} : options.semihosting || undefined,
    wallClock: options.wallClock,
    trace: checkedTrace(options.trace),
    log: options.log ?? silentLog,
    warn: options.warn ?? (() => {}),
  };
}

/** JavaScript users have no compiler that tells them about a misspelt property. */
function refuseUnknownOptions(options: MachineOptions): void {
  for (const name of Object.keys(options)) {
    if (OPTION_NAMES.some((known) => known === name)) continue;
    const near = nearestName(name, OPTION_NAMES);
    throw new OptionError(
      `unknown option '${name}'${near === undefined ? '' : `; did you mean '${near}'?`}`,
      `there are: ${OPTION_NAMES.join(', ')}`,
    );
  }
}

function namedImage<Image extends GuestImage>(
  image: Uint8Array | Image | undefined,
  name: string,
): Image | GuestImage | undefined {
  return image instanceof Uint8Array ? { name, bytes: image } : image;
}

/** The files of a board's flash banks: the firmware as the first, or what `pflash` gives. */
function flashOf(
  board: BoardDescription,
  bios: GuestImage | undefined,
  pflash: readonly FlashFile[],
): readonly (FlashFile | undefined)[] {
  const banks = board.devices.filter((row) => row.kind === 'cfi-flash').flatMap((row) => row.banks);
  if (bios !== undefined && pflash.length > 0) {
    throw new OptionError(
      'bios and pflash: both give the contents of the first flash bank',
      'give the firmware as the first pflash, or leave pflash out',
    );
  }
  if (pflash.length > banks.length || (bios !== undefined && banks.length === 0)) {
    throw new OptionError(
      `pflash: ${board.name} has ${banks.length} flash banks, and ${Math.max(pflash.length, 1)} files are given`,
      'leave out those that are too many',
    );
  }
  pflash.forEach((file, i) => {
    const { size } = banks[i];
    if (file.bytes.length === size) return;
    throw new ImageError(
      `${file.name} has ${file.bytes.length} bytes, and the flash bank has ${size}`,
      file.bytes.length < size
        ? `make it as large: 'truncate -s ${size / 2 ** 20}M FILE'`
        : 'give the image of a smaller flash',
    );
  });
  if (bios === undefined) return pflash;
  if (bios.bytes.length === 0) throw new ImageError(`${bios.name} is empty`, 'copy it again');
  if (bios.bytes.length > banks[0].size) {
    throw new ImageError(
      `${bios.name} has ${bios.bytes.length} bytes, and the flash bank has ${banks[0].size}`,
      'give firmware that was built for this board',
    );
  }
  return [{ ...bios, readOnly: false, write: () => true }];
}

function notEmpty(image: GuestImage | undefined): GuestImage | undefined {
  if (image?.bytes.length === 0)
    throw new ImageError(`${image.name} is empty`, 'leave it out, or copy it again');
  return image;
}

/** A property of a device tree ends at its first NUL. */
function checkedAppend(append: string | undefined): string | undefined {
  if (append?.includes('\0')) {
    throw new OptionError("append: a guest's command line can't hold a NUL character", 'leave it out');
  }
  return append;
}

function checkedCpus(board: BoardDescription, cpus: number): number {
  if (!Number.isInteger(cpus) || cpus < 1 || cpus > board.maxCpus) {
    throw new OptionError(
      `smp: ${board.name} can't have ${cpus} CPUs`,
      `give it a whole number from 1 to ${board.maxCpus}`,
    );
  }
  return cpus;
}

function checkedMemory(board: BoardDescription, memory: number | string): number {
  const bytes = typeof memory === 'string' ? parseSize(memory, 'memory') : memory;
  const { maxSize } = board.ram;
  if (bytes > maxSize) {
    throw new OptionError(
      `memory: ${sizeText(bytes)} is more than ${board.name} can have`,
      `its memory map has room for ${sizeText(maxSize)} of RAM: --memory ${maxSize / 2 ** 20}M`,
    );
  }
  if (!(bytes >= MINIMUM_MEMORY)) {
    throw new OptionError(`memory: ${bytes} bytes are too few for a guest`, 'give it 1M or more');
  }
  if (bytes % MEMORY_GRANULE !== 0) {
    throw new OptionError(
      `memory: ${bytes} bytes is no multiple of 64 KiB`,
      `give it ${Math.ceil(bytes / MEMORY_GRANULE) * (MEMORY_GRANULE / 1024)}K`,
    );
  }
  return bytes;
}

function checkedTrace(trace: TraceOptions | undefined): Required<TraceOptions> | undefined {
  if (trace === undefined) return undefined;
  const known = TRACE_CATEGORIES.map((name) => ({ name }));
  const { categories = TRACE_CATEGORIES, sink } = trace;
  if (categories.length === 0) {
    throw new OptionError(
      'trace: no category is given',
      `name some of them: ${TRACE_CATEGORIES.join(', ')}; or leave out 'categories': all`,
    );
  }
  return { categories: categories.map((name) => chooseByName('trace', name, known).name), sink };
}

/** What comes from a network comes at the host's time, so a run could not be repeated. */
function checkedNics(options: MachineOptions): MachineOptions {
  if (options.clock === 'instructions' && (options.nics ?? []).length > 0) {
    throw new OptionError(
      "nics: a network can't be had with the counting clock, whose runs are the same each time",
      'take the clock that follows the host: --clock host, or leave --nic out',
    );
  }
  return options;
}

/** Two engines see the same world only where all that comes from outside can be given to both at the same instruction. */
function checkedForLockstep(options: MachineOptions): MachineOptions {
  const { clock = 'instructions', pci = [], restore } = options;
  if (clock === 'host') {
    throw new OptionError(
      'engine: lockstep counts instructions, and the clock is to follow the host',
      'leave --clock out, or write --clock instructions',
    );
  }
  const real = pci.find(isHostAttached);
  if (real !== undefined) {
    throw new OptionError(
      `engine: lockstep can't run with the real device ${real.name}, which would have to do everything twice`,
      'leave out --vfio, or take another --engine',
    );
  }
  if (restore !== undefined) {
    throw new OptionError(
      'engine: lockstep begins where a guest begins, not at a snapshot',
      'leave out --restore, or take another --engine',
    );
  }
  return { ...options, clock };
}

function checkedEndpoints(
  pci: readonly PciEndpoint[],
  machine: string,
  board: BoardDescription,
): readonly PciEndpoint[] {
  const foreign = pci.find((endpoint) => isHostAttached(endpoint) && !('hostDma' in endpoint));
  if (foreign !== undefined && hasIommu(board)) {
    throw new OptionError(
      `machine: ${machine} can't have the real device ${foreign.name}: its DMA would not be translated by the guest's SMMU`,
      'give the endpoint the property hostDma, or leave out iommu',
    );
  }
  if (pci.length > MAX_PCI_FUNCTIONS) {
    throw new OptionError(
      `pci: ${pci.length} devices do not fit on bus 0`,
      `give it ${MAX_PCI_FUNCTIONS} at most`,
    );
  }
  const twice = pci.find((endpoint, i) => pci.indexOf(endpoint) !== i);
  if (twice) {
    throw new OptionError(
      `pci: the endpoint '${twice.name}' is there twice`,
      'make one object for each slot',
    );
  }
  return pci;
}
