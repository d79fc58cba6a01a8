import type { ArmEngine, EngineState } from '../arm/engine.ts';
import type { Board } from '../boards/assemble-board.ts';
import { ArmemuError, SnapshotError } from '../errors.ts';
import type { PciEndpoint } from '../pci/endpoint.ts';
import { isHostAttached } from '../pci/host-device.ts';
import { assignPlain, copyPlain } from '../ports/plain-state.ts';
import type { PlainValue, Saveable } from '../ports/saveable.ts';
import { damagedSnapshot } from '../snapshot/snapshot-file.ts';
import type { HostClock, HostClockState, InstructionClock, InstructionClockState } from './clock.ts';
import type { RunLoop, RunLoopState } from './run-loop.ts';
import type { DiskState } from './saved-disks.ts';
import type { SerialPort, SerialPortState } from './serial.ts';

/** Everything of a machine but its RAM. */
export type MachineState = {
  readonly clock: HostClockState | InstructionClockState;
  readonly devices: { readonly [name: string]: PlainValue };
  readonly engine: EngineState;
  readonly loop: RunLoopState;
  readonly serial: SerialPortState;
  readonly deviceTree: Uint8Array;
  readonly disks: readonly DiskState[];
};

/** The parts of a machine that a saved one is made of. */
export interface SavedParts {
  readonly clock: HostClock | InstructionClock;
  readonly board: Board;
  readonly engine: ArmEngine;
  readonly loop: RunLoop;
  readonly serial: SerialPort;
}

/**
 * Finds what can't be saved.
 * @throws SnapshotError that names the endpoint
 */
export function checkSaveable(endpoints: readonly PciEndpoint[]): void {
  const real = endpoints.find(isHostAttached);
  if (real !== undefined) {
    throw new SnapshotError(
      `a machine with a device of the host can't be saved: the state of ${real.name} is in its hardware`,
      'save it without the device, and plug that at restore: a free PCI slot may be filled then',
    );
  }
  const mute = endpoints.find((endpoint) => !endpoint.saveState || !endpoint.restoreState);
  if (mute !== undefined) {
    throw new SnapshotError(
      `the PCI endpoint ${mute.name} can't be saved`,
      'give it the methods saveState and restoreState (docs/library.md)',
    );
  }
}

/** Waits until no device has anything under way outside of the machine. */
export async function drainDevices(board: Board, endpoints: readonly PciEndpoint[]): Promise<void> {
  await Promise.all([...board.saveables.values(), ...endpoints].map((part) => part.drain?.()));
}

/** Only between two turns of the run loop. */
export function saveMachineState(
  parts: SavedParts,
  deviceTree: Uint8Array,
  disks: readonly DiskState[],
): MachineState {
  const devices = [...parts.board.saveables].map(([name, device]) => [name, device.saveState()] as const);
  return {
    clock: parts.clock.saveState(),
    devices: Object.fromEntries(devices),
    engine: parts.engine.saveState(),
    loop: parts.loop.saveState(),
    serial: parts.serial.saveState(),
    deviceTree: deviceTree.slice(),
    disks,
  };
}

/**
 * Puts a state into a machine of the same shape that has not run yet: time first, then what drives, then what is driven.
 * @throws SnapshotError when it can't be a state of it
 */
export function restoreMachineState(parts: SavedParts, value: PlainValue): MachineState {
  try {
    const state = value as MachineState;
    restoreFixed(parts.clock, state.clock, 'the clock');
    for (const [name, device] of parts.board.saveables) {
      if (!Object.hasOwn(state.devices, name)) throw new RangeError(`it holds no state of ${name}`);
      checkNames(device.saveState(), state.devices[name], name);
      device.restoreState(state.devices[name]);
    }
    parts.engine.restoreState(state.engine);
    restoreFixed(parts.loop, state.loop, 'the run loop');
    parts.serial.restoreState(state.serial);
    if (!(state.deviceTree instanceof Uint8Array)) throw new RangeError('it holds no device tree');
    return state;
  } catch (error) {
    // A state of the wrong shape fails in many ways, all of which mean the same to a person.
    throw error instanceof ArmemuError ? error : damagedSnapshot(error);
  }
}

/** Restores a part whose states all have one shape, which is checked here. */
function restoreFixed(part: Saveable<PlainValue>, state: PlainValue, what: string): void {
  assignPlain(copyPlain(part.saveState()), state, what);
  part.restoreState(state);
}

/** A part's states may differ in what they hold, but not in the names and the kinds of it. */
function checkNames(fresh: PlainValue, state: PlainValue, what: string): void {
  if (typeof fresh !== 'object' || fresh === null || ArrayBuffer.isView(fresh) || Array.isArray(fresh))
    return;
  const own = fresh as Readonly<Record<string, PlainValue>>;
  const saved = Object(state) as Readonly<Record<string, PlainValue>>;
  for (const [name, value] of Object.entries(own)) {
    const fits = typeof saved[name] === typeof value || saved[name] === undefined || value === undefined;
    if (!Object.hasOwn(saved, name) || !fits) throw new RangeError(`the state of ${what}.${name} is none`);
  }
}
