import type { BoardDescription } from '../boards/board.ts';
import { SnapshotError } from '../errors.ts';
import type { PciEndpoint } from '../pci/endpoint.ts';
import type { PlainValue } from '../ports/saveable.ts';
import { damagedSnapshot, SnapshotReader } from '../snapshot/snapshot-file.ts';
import { disksOf } from './backends.ts';
import type { ClockMode, MachineOptions, NormalizedOptions } from './options.ts';
import { sizeText } from './units.ts';

/** What two machines must have in common so that one can go on where the other was saved. */
export type MachineShape = {
  /** The values of the options of these names. */
  readonly machine: string;
  readonly cpu: string;
  readonly smp: number;
  readonly memory: number;
  readonly clock: string;
  /** The rows of the board's table, and the parts that have a state. */
  readonly devices: readonly string[];
  /** The endpoints on the PCI bus by device number. */
  readonly pci: readonly PciSlot[];
  /** Sizes of the disks, in bytes; their contents are not in a snapshot. */
  readonly disks: readonly number[];
  /** Whether semihosting was on. Not compared: a restored machine may have it otherwise. */
  readonly semihosting: boolean;
  /** Whether the guest was the embedded firmware. Not compared. */
  readonly embedded: boolean;
};

/** A function on bus 0. */
export type PciSlot = { readonly device: number; readonly name: string; readonly description: string };

/**
 * What a snapshot says of the machine that it was made of.
 * @throws SnapshotError when the bytes are no snapshot, or damaged
 */
export function describeSnapshot(bytes: Uint8Array): MachineShape {
  return asShape(new SnapshotReader(bytes).shape);
}

/**
 * The shape of a machine with these options and, on its bus, these endpoints (by device number).
 * @param parts names of the board's parts that have a state
 * @param embedded whether its guest is the embedded firmware
 */
export function shapeOf(
  options: NormalizedOptions,
  parts: Iterable<string>,
  embedded: boolean,
  endpoints: ReadonlyMap<number, PciEndpoint>,
): MachineShape {
  return {
    machine: options.machine,
    cpu: options.cpuModel.name,
    smp: options.cpus,
    memory: options.memory,
    clock: options.clock,
    devices: [...new Set([...devicesOf(options.board), ...parts])],
    pci: [...endpoints].map(([device, endpoint]) => ({
      device,
      name: endpoint.name,
      description: describe(endpoint),
    })),
    disks: disksOf(options).map(({ size }) => size),
    semihosting: options.semihosting !== undefined,
    embedded,
  };
}

/** What options a machine needs at least to take a snapshot: given ones stay as they are. */
export function withShape(options: MachineOptions, saved: MachineShape): MachineOptions {
  const { machine, cpu, smp, memory, semihosting } = saved;
  // The name is checked with the options.
  return {
    machine,
    cpu,
    smp,
    memory,
    semihosting,
    clock: saved.clock as ClockMode,
    ...withoutUndefined(options),
  };
}

/** @throws SnapshotError when the value is no shape */
export function asShape(value: PlainValue): MachineShape {
  const shape = value as Partial<Record<keyof MachineShape, unknown>> | null;
  const fits =
    typeof shape === 'object' &&
    shape !== null &&
    ['machine', 'cpu', 'clock'].every((name) => typeof shape[name as keyof MachineShape] === 'string') &&
    ['smp', 'memory'].every((name) => typeof shape[name as keyof MachineShape] === 'number') &&
    ['semihosting', 'embedded'].every((name) => typeof shape[name as keyof MachineShape] === 'boolean') &&
    Array.isArray(shape.devices) &&
    Array.isArray(shape.disks) &&
    Array.isArray(shape.pci) &&
    shape.pci.every((slot) => typeof slot === 'object' && slot !== null && Number.isInteger(slot.device));
  if (!fits) throw damagedSnapshot();
  return value as MachineShape;
}

/**
 * @throws SnapshotError that names every difference. Endpoints in slots that were empty are none: they are plugged
 * into the restored machine.
 */
export function checkShape(saved: MachineShape, own: MachineShape): void {
  const differences = [
    ...difference('machine', saved.machine, own.machine),
    ...difference('cpu', saved.cpu, own.cpu),
    ...difference('smp', saved.smp, own.smp),
    ...difference('memory', sizeText(saved.memory), sizeText(own.memory)),
    ...difference('clock', saved.clock, own.clock),
  ];
  if (differences.length === 0) {
    differences.push(
      ...deviceDifferences(saved, own),
      ...slotDifferences(saved, own),
      ...saved.disks.flatMap((size, i) =>
        difference(`disk ${i}`, sizeText(size), sizeText(own.disks[i] ?? 0)),
      ),
    );
  }
  if (differences.length === 0) return;
  throw new SnapshotError(
    `the snapshot is of another machine: ${differences.join('; ')}`,
    'give the options that the saved machine had, or leave them out: what is not given is taken from the snapshot',
  );
}

function difference(name: string, saved: string | number, own: string | number): string[] {
  return saved === own ? [] : [`${name} was ${saved} and is ${own} here`];
}

function deviceDifferences(saved: MachineShape, own: MachineShape): string[] {
  return [
    ...saved.devices.filter((name) => !own.devices.includes(name)).map((name) => `it had ${name}`),
    ...own.devices.filter((name) => !saved.devices.includes(name)).map((name) => `it had no ${name}`),
  ];
}

function slotDifferences(saved: MachineShape, own: MachineShape): string[] {
  return saved.pci.flatMap(({ device, name, description }) => {
    const here = own.pci.find((slot) => slot.device === device);
    const place = `PCI device number ${device}`;
    if (here === undefined) return [`${place} was ${name} and is empty here`];
    if (here.name !== name) return [`${place} was ${name} and is ${here.name} here`];
    if (here.description === description) return [];
    return [`${place}, ${name}, was ${description} and is ${here.description} here`];
  });
}

function devicesOf(board: BoardDescription): string[] {
  return board.devices.map(({ kind, name }) => (kind === name ? kind : `${kind} ${name}`));
}

function describe({ description }: PciEndpoint): string {
  const { vendorId, deviceId, bars, msi, msix, pcie } = description;
  const hex = (id: number): string => id.toString(16).padStart(4, '0');
  return [
    `${hex(vendorId)}:${hex(deviceId)}`,
    ...bars.map((bar) => `BAR ${bar.index} ${bar.kind} ${bar.size}`),
    ...(msi === undefined ? [] : [`MSI ${msi.vectors}`]),
    ...(msix === undefined ? [] : [`MSI-X ${msix.vectors}`]),
    ...(pcie === true ? ['PCIe'] : []),
  ].join(', ');
}

function withoutUndefined(options: MachineOptions): MachineOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
