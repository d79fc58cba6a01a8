import type { GicV3Core } from './core.ts';
import { type DeviceEntry, EVENT_ID_BITS, type ItsTables, type TranslationEntry } from './its-tables.ts';
import { FIRST_LPI, INTID_BITS } from './state.ts';

/** Command encodings (IHI 0069 5.3, table 5-3). */
const Command = {
  MOVI: 0x01,
  INT: 0x03,
  CLEAR: 0x04,
  SYNC: 0x05,
  MAPD: 0x08,
  MAPC: 0x09,
  MAPTI: 0x0a,
  MAPI: 0x0b,
  INV: 0x0c,
  INVALL: 0x0d,
  MOVALL: 0x0e,
  DISCARD: 0x0f,
} as const;

export const COMMAND_BYTES = 32;

/** Fields of a command that is not refused. Words are 32 bits, the lower of each doubleword first. */
interface Fields {
  readonly deviceId: number;
  readonly eventId: number;
  /** Doubleword 1, high word: the physical INTID of MAPTI. */
  readonly intid: number;
  readonly collection: number;
  /** RDbase as a processor number (GITS_TYPER.PTA is 0). */
  readonly cpu: number;
  readonly otherCpu: number;
  readonly isValid: boolean;
  readonly words: Uint32Array;
}

/** Device and event with all that leads from them to an LPI. */
interface Route {
  readonly device: DeviceEntry;
  readonly translation: TranslationEntry;
  readonly cpu: number;
}

/** What the commands of an ITS do to its tables and to the Redistributors. */
export class ItsCommands {
  private readonly core: GicV3Core;
  private readonly tables: ItsTables;
  private readonly devices: Uint32Array;
  private readonly collections: Uint32Array;

  /** @param devices GITS_BASER of the device table, @param collections of the collection table; low word first */
  constructor(core: GicV3Core, tables: ItsTables, devices: Uint32Array, collections: Uint32Array) {
    this.core = core;
    this.tables = tables;
    this.devices = devices;
    this.collections = collections;
  }

  /** An MSI, or INT: makes the LPI of an event pending. @returns what stands against it. */
  trigger(deviceId: number, eventId: number): string | undefined {
    return this.withRoute(deviceId, eventId, ({ cpu, translation }) => {
      this.core.setLpi(cpu, translation.intid, true);
    });
  }

  /**
   * One command of the queue.
   * @returns what is wrong with it; a wrong command is ignored and the queue goes on (5.3: the implementation's choice).
   */
  run(bytes: Uint8Array): string | undefined {
    const words = new Uint32Array(8);
    const view = new DataView(bytes.buffer, bytes.byteOffset, COMMAND_BYTES);
    for (let i = 0; i < 8; i++) words[i] = view.getUint32(i * 4, true);
    return this.execute(words[0] & 0xff, {
      deviceId: words[1],
      eventId: words[2],
      intid: words[3],
      collection: words[4] & 0xffff,
      cpu: words[4] >>> 16,
      otherCpu: words[6] >>> 16,
      isValid: words[5] >>> 31 === 1,
      words,
    });
  }

  private execute(command: number, fields: Fields): string | undefined {
    const { core, tables } = this;
    const { deviceId, eventId, cpu } = fields;
    switch (command) {
      case Command.MAPD:
        return this.mapDevice(fields);
      case Command.MAPC:
        if (fields.isValid && cpu >= core.cpuCount) return `MAPC: there is no CPU ${cpu}`;
        if (tables.setCollection(this.collections, fields.collection, fields.isValid ? cpu : undefined))
          return;
        return `MAPC: collection ${fields.collection} has no place in the table`;
      case Command.MAPTI:
        return this.mapEvent(fields, fields.intid);
      case Command.MAPI:
        return this.mapEvent(fields, eventId);
      case Command.MOVI:
        return this.withRoute(deviceId, eventId, (route) => this.moveEvent(route, fields));
      case Command.DISCARD:
        return this.withRoute(deviceId, eventId, ({ device, translation, cpu: from }) => {
          core.setLpi(from, translation.intid, false);
          tables.setTranslation(device, eventId, undefined);
        });
      case Command.INT:
        return this.trigger(deviceId, eventId);
      case Command.CLEAR:
        return this.withRoute(deviceId, eventId, ({ cpu: at, translation }) => {
          core.setLpi(at, translation.intid, false);
        });
      case Command.INV:
        return this.withRoute(deviceId, eventId, ({ cpu: at }) => core.refreshLpis(at));
      case Command.INVALL: {
        const at = tables.collection(this.collections, fields.collection);
        if (at === undefined || at >= core.cpuCount)
          return `INVALL: collection ${fields.collection} is not mapped`;
        core.refreshLpis(at);
        return undefined;
      }
      case Command.MOVALL: {
        if (cpu >= core.cpuCount || fields.otherCpu >= core.cpuCount) return 'MOVALL: there is no such CPU';
        core.lpis[cpu].moveAllTo(core.lpis[fields.otherCpu]);
        core.select(cpu);
        core.select(fields.otherCpu);
        return undefined;
      }
      case Command.SYNC:
        // Every command has taken effect by the time that the next one runs.
        return undefined;
      default:
        return `0x${command.toString(16)} is no command`;
    }
  }

  private mapDevice({ deviceId, isValid, words }: Fields): string | undefined {
    const eventBits = (words[2] & 31) + 1;
    if (isValid && eventBits > EVENT_ID_BITS) return `MAPD: ${eventBits} bits of events`;
    const table = (words[5] & 0xfffff) * 2 ** 32 + ((words[4] & 0xffffff00) >>> 0);
    if (this.tables.setDevice(this.devices, deviceId, isValid ? { eventBits, table } : undefined)) return;
    return `MAPD: device 0x${deviceId.toString(16)} has no place in the table`;
  }

  private mapEvent({ deviceId, eventId, collection }: Fields, intid: number): string | undefined {
    const device = this.tables.device(this.devices, deviceId);
    if (device === undefined) return `MAPTI: device 0x${deviceId.toString(16)} is not mapped`;
    if (intid < FIRST_LPI || intid >= 1 << INTID_BITS) return `MAPTI: ${intid} is no LPI`;
    if (this.tables.setTranslation(device, eventId, { intid, collection })) return;
    return `MAPTI: event ${eventId} has no place in the table`;
  }

  private moveEvent({ device, translation, cpu }: Route, { eventId, collection }: Fields): void {
    const { core, tables } = this;
    const { intid } = translation;
    tables.setTranslation(device, eventId, { intid, collection });
    const to = tables.collection(this.collections, collection);
    if (to === undefined || to >= core.cpuCount || to === cpu || !core.lpis[cpu].isPending(intid)) return;
    core.setLpi(cpu, intid, false);
    core.setLpi(to, intid, true);
  }

  private withRoute(deviceId: number, eventId: number, action: (route: Route) => void): string | undefined {
    const device = this.tables.device(this.devices, deviceId);
    if (device === undefined) return `device 0x${deviceId.toString(16)} is not mapped`;
    const translation = this.tables.translation(device, eventId);
    if (translation === undefined)
      return `event ${eventId} of device 0x${deviceId.toString(16)} is not mapped`;
    const cpu = this.tables.collection(this.collections, translation.collection);
    // What a guest wrote over its tables must not lead anywhere that is not there.
    if (cpu === undefined || cpu >= this.core.cpuCount)
      return `collection ${translation.collection} is not mapped`;
    action({ device, translation, cpu });
    return undefined;
  }
}
