import { describe, expect, test } from 'vitest';
import { assembleBoard, type BoardParts } from '../../src/boards/assemble-board.ts';
import {
  type BoardDescription,
  type DeviceRow,
  interruptId,
  type RowOf,
  spi,
} from '../../src/boards/board.ts';
import { deviceTreeOfBoard } from '../../src/boards/device-tree-of-board.ts';
import { VGA } from '../../src/boards/vexpress-motherboard.ts';
import { virt } from '../../src/boards/virt.ts';
import { cells } from '../../src/boot/device-tree.ts';
import { writeFdt } from '../../src/boot/fdt-writer.ts';
import { LAN } from '../../src/devices/lan9118/registers.ts';
import { AACI } from '../../src/devices/pl041/pl041.ts';
import { LCD } from '../../src/devices/pl111/registers.ts';
import { MCI, MciStatus } from '../../src/devices/pl181-registers.ts';
import { HostClock } from '../../src/machine/clock.ts';
import { SerialPort } from '../../src/machine/serial.ts';
import { privateStorage } from '../../src/ports/direct-reads.ts';
import { type MmioDevice, type Requester, silentLog } from '../../src/ports/mmio.ts';
import { MemoryDisk } from '../devices/virtio/memory-disk.ts';

const CPU0: Requester = { kind: 'cpu', cpu: 0, streamId: 0, secure: true, privileged: true };
const GICD_ISPENDR = 0x0800_0200;
const BASE = 0x0906_0000;

/** `virt` with one more device. */
function boardWith(row: DeviceRow): BoardDescription {
  return { ...virt, devices: [...virt.devices, row] };
}

function assemble(row: DeviceRow, parts: Partial<BoardParts> = {}) {
  const regions: { base: number; size: number; device: MmioDevice }[] = [];
  const at = (address: number) => {
    const found = regions.find(({ base, size }) => address >= base && address < base + size);
    if (found === undefined) throw new Error(`nothing at 0x${address.toString(16)}`);
    return found;
  };
  const read = (address: number): number => {
    const { base, device } = at(address);
    return device.read(address - base, 4, CPU0);
  };
  const write = (address: number, value: number): void => {
    const { base, device } = at(address);
    device.write(address - base, 4, value, CPU0);
  };
  const serial = new SerialPort();
  const board = assembleBoard(boardWith(row), {
    memory: {
      map: (base, size, device) => void regions.push({ base, size, device }),
      directReads: (_base, size) => privateStorage(size),
      isRam: () => false,
      readBytes: () => false,
      writeBytes: () => false,
    },
    clock: new HostClock(() => 0),
    wallClock: { unixSeconds: () => 0 },
    log: silentLog,
    cpus: [{ irq: { set() {} }, fiq: { set() {} } }],
    serial: () => serial,
    ...parts,
  });
  const isPending = (number: number): boolean => {
    const id = interruptId(spi(number));
    return ((read(GICD_ISPENDR + (id >>> 5) * 4) >>> (id & 31)) & 1) !== 0;
  };
  return { board, read, write, isPending };
}

function nodeOf(row: DeviceRow, name: string) {
  const tree = deviceTreeOfBoard(boardWith(row), { cpuModel: virt.cpuModels[0], cpus: 1, ramSize: 2 ** 26 });
  // It has whatever its references name.
  expect(writeFdt(tree).length).toBeGreaterThan(0);
  return tree.children.find((node) => node.name === name);
}

describe('a PL181 in a table', () => {
  const row: DeviceRow = {
    kind: 'pl181',
    name: 'mmci',
    range: { base: BASE, size: 0x1000 },
    interrupts: [spi(10), spi(11)],
    clock: 'apb-pclk',
    busClock: 'apb-pclk',
    maxFrequencyHz: 12_000_000,
  };

  test("has the machine's card, whose state is saved before its own, and interrupts", () => {
    const { board, read, write, isPending } = assemble(row, { sd: { disk: new MemoryDisk(256 * 1024) } });
    expect(read(BASE + MCI.PeriphID0)).toBe(0x81);
    write(BASE + MCI.Mask0, MciStatus.CmdRespEnd);
    write(BASE + MCI.Argument, 0x1aa);
    write(BASE + MCI.Command, 0x448);
    expect(read(BASE + MCI.Response0)).toBe(0x1aa);
    expect([isPending(10), isPending(11)]).toEqual([true, false]);
    expect([...board.saveables.keys()].filter((name) => name.startsWith('mmci'))).toEqual([
      'mmci card',
      'mmci',
    ]);
    board.reset();
    expect(isPending(10)).toBe(false);
  });

  test('has an empty slot without a card', () => {
    const { board, read, write } = assemble(row);
    write(BASE + MCI.Argument, 0x1aa);
    write(BASE + MCI.Command, 0x448);
    expect(read(BASE + MCI.Status)).toBe(MciStatus.CmdTimeOut);
    expect(board.saveables.has('mmci card')).toBe(false);
  });

  test('has a node', () => {
    expect(nodeOf(row, 'mmci@9060000')?.properties).toHaveProperty('max-frequency');
  });
});

describe('a LAN9118 in a table', () => {
  const row: DeviceRow = {
    kind: 'lan9118',
    name: 'ethernet',
    range: { base: BASE, size: 0x1_0000 },
    interrupt: spi(15),
  };

  test("is the board's own card, with the address that it is given and an interrupt", () => {
    const mac = Uint8Array.of(2, 0, 0, 0, 0, 1);
    const { board, read, write, isPending } = assemble(row, { ethernet: { mac } });
    expect(board.ethernet?.receive(new Uint8Array(60))).toBe(false);
    write(BASE + LAN.MAC_CSR_CMD, 0xc000_0003);
    expect(read(BASE + LAN.MAC_CSR_DATA)).toBe(2);
    write(BASE + LAN.IRQ_CFG, 0x111);
    // The line was low for nothing before: what that left behind is not pending any more.
    expect(isPending(15)).toBe(false);
    write(BASE + LAN.INT_EN, 0x8000_0000);
    expect(isPending(15)).toBe(true);
  });

  test('has a node', () => {
    expect(nodeOf(row, 'ethernet@9060000')?.properties).toHaveProperty('smsc,irq-active-high');
  });
});

describe('a PL111 in a table', () => {
  const row: DeviceRow = {
    kind: 'pl111',
    name: 'clcd',
    range: { base: BASE, size: 0x1000 },
    interrupt: spi(14),
    clock: 'apb-pclk',
    frequencyHz: 24_000_000,
    busClock: 'apb-pclk',
    panel: VGA,
  };

  test('is a display of the board', () => {
    const { board, read, write } = assemble(row);
    expect(read(BASE + 0xfe0)).toBe(0x11);
    expect(board.displays[0]?.isOn).toBe(false);
    write(BASE + LCD.Control, 0x801);
    expect(board.displays[0]?.picture()?.width).toBe(16);
  });

  test('has a node whose panel has its timings and is at the other end of a wire', () => {
    expect(nodeOf(row, 'clcd@9060000')?.children[0].name).toBe('port');
    const panel = nodeOf(row, 'panel-clcd');
    expect(panel?.children[0].properties).toMatchObject({ hactive: cells(640), vactive: cells(480) });
    const { panel: _, ...blind } = row as RowOf<'pl111'>;
    expect(nodeOf(blind, 'clcd@9060000')?.children).toEqual([]);
  });
});

describe('a PL050 in a table', () => {
  const row = (device: 'keyboard' | 'mouse'): DeviceRow => ({
    kind: 'pl050',
    name: 'kmi',
    device,
    range: { base: BASE, size: 0x1000 },
    interrupt: spi(12),
    clock: 'apb-pclk',
    busClock: 'apb-pclk',
  });

  test("is the board's keyboard, or a mouse", () => {
    const { board, read, write, isPending } = assemble(row('keyboard'));
    write(BASE, 0x14);
    expect(board.keyboard?.press([0x1c])).toBe(true);
    expect(isPending(12)).toBe(true);
    expect(read(BASE + 8)).toBe(0x1c);
    expect(isPending(12)).toBe(false);
    expect(assemble(row('mouse')).board.keyboard).toBeUndefined();
    expect(nodeOf(row('mouse'), 'kmi@9060000')).toBeDefined();
  });
});

test('a PL041 in a table has an interrupt and a node', () => {
  const row: DeviceRow = {
    kind: 'pl041',
    name: 'aaci',
    range: { base: BASE, size: 0x1000 },
    interrupt: spi(11),
    busClock: 'apb-pclk',
  };
  const { write, isPending } = assemble(row);
  write(BASE + AACI.MAINCR, 1);
  write(BASE + AACI.TXCR, 0x1_0000);
  write(BASE + AACI.IE, 4);
  expect(isPending(11)).toBe(true);
  expect(nodeOf(row, 'aaci@9060000')).toBeDefined();
});
