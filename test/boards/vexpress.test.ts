import { describe, expect, test } from 'vitest';
import { assembleBoard, type BoardMemory } from '../../src/boards/assemble-board.ts';
import type { BoardDescription } from '../../src/boards/board.ts';
import { deviceTreeOfBoard } from '../../src/boards/device-tree-of-board.ts';
import { vexpressA9 } from '../../src/boards/vexpress-a9.ts';
import { vexpressA15 } from '../../src/boards/vexpress-a15.ts';
import { cellsOf, type FdtNode, readFdt, stringsOf } from '../../src/boot/fdt-reader.ts';
import { writeFdt } from '../../src/boot/fdt-writer.ts';
import { SYS } from '../../src/devices/vexpress-sysreg.ts';
import { HostClock } from '../../src/machine/clock.ts';
import { SerialPort } from '../../src/machine/serial.ts';
import { MachineMemory } from '../../src/memory/machine-memory.ts';
import { PageWatches } from '../../src/memory/page-watches.ts';
import { PhysicalMemory } from '../../src/memory/physical-memory.ts';
import { type Requester, silentLog } from '../../src/ports/mmio.ts';

const BOARDS = [vexpressA9, vexpressA15];
const MIB = 2 ** 20;
const cpu = (n: number): Requester => ({ kind: 'cpu', cpu: n, streamId: 0, secure: true, privileged: true });

function assembled(description: BoardDescription, cpus = 2) {
  const memory = new PhysicalMemory(new MachineMemory(MIB), description.ram.base, new PageWatches(MIB));
  const clock = new HostClock(() => 0);
  const events: string[] = [];
  const board = assembleBoard(description, {
    memory: memory satisfies BoardMemory,
    clock,
    wallClock: { unixSeconds: () => 0 },
    log: silentLog,
    cpus: Array.from({ length: cpus }, () => ({ irq: { set() {} }, fiq: { set() {} } })),
    power: { off: () => events.push('off'), reset: () => events.push('reset') },
    serial: () => new SerialPort(),
  });
  const read = (address: number, n = 0): number => memory.read(address, 4, cpu(n));
  const write = (address: number, value: number, n = 0): boolean => memory.write(address, 4, value, cpu(n));
  return { board, read, write, events };
}

/** The identification of a PrimeCell: PeriphID0 and 1. */
const part = (read: (address: number) => number, base: number): number =>
  (read(base + 0xfe0) | (read(base + 0xfe4) << 8)) & 0xfff;

function treeOf(description: BoardDescription, cpus = 2): FdtNode {
  const config = { cpuModel: description.cpuModels[0], cpus, ramSize: 512 * MIB };
  return readFdt(writeFdt(deviceTreeOfBoard(description, config)), 'own').root;
}

describe('the memory map of', () => {
  test('vexpress-a9: legacy, with the private region of the Cortex-A9 at 0x1e000000', () => {
    const { read } = assembled(vexpressA9);
    expect(read(0x1000_0000)).toBe(0x1190f500);
    expect(read(0x1000_0000 + SYS.PROCID0)).toBe(0x0c00_0191);
    expect([0x1000_9000, 0x1000_c000].map((at) => part(read, at))).toEqual([0x011, 0x011]);
    expect([0x1000_f000, 0x1001_1000, 0x1001_2000, 0x1001_7000].map((at) => part(read, at))).toEqual([
      0x805, 0x804, 0x804, 0x031,
    ]);
    // The SCU counts CPUs; GICC_PMR and GICD_TYPER at their offsets; the L2C-310's ID.
    expect(read(0x1e00_0004)).toBe(0x31);
    expect(read(0x1e00_1004) & 0x1f).toBe((32 + 160) / 32 - 1);
    expect(read(0x1e00_a000)).toBe(0x4100_00c8);
    // virtio-mmio's magic in each of the four slots; the host bridge at 00:00.0.
    expect([0, 1, 2, 3].map((n) => read(0x1001_3000 + 0x200 * n))).toEqual(Array(4).fill(0x7472_6976));
    expect(read(0xdf00_0000)).toBe(0x0008_1b36);
  });

  test('vexpress-a15: A-series, with the GIC at 0x2c000000', () => {
    const { read } = assembled(vexpressA15);
    expect(read(0x1c01_0000)).toBe(0x1190f500);
    expect(read(0x1c01_0000 + SYS.PROCID0)).toBe(0x1400_0237);
    expect([0x1c09_0000, 0x1c0f_0000, 0x1c11_0000, 0x1c17_0000].map((at) => part(read, at))).toEqual([
      0x011, 0x805, 0x804, 0x031,
    ]);
    expect(read(0x2c00_1004) & 0x1f).toBe((32 + 192) / 32 - 1);
    expect([0, 1, 2, 3].map((n) => read(0x1c13_0000 + 0x200 * n))).toEqual(Array(4).fill(0x7472_6976));
    expect(read(0x3f00_0000)).toBe(0x0008_1b36);
  });
});

test('a Cortex-A9’s timers are banked by the CPU that looks at them', () => {
  const { read, write } = assembled(vexpressA9);
  write(0x1e00_0600, 1000, 0);
  write(0x1e00_0600, 2000, 1);
  expect([read(0x1e00_0600, 0), read(0x1e00_0600, 1)]).toEqual([1000, 2000]);
});

describe.each(BOARDS)('$name', (description) => {
  const sysreg = description.devices.find((row) => row.kind === 'vexpress-sysreg');

  test('is switched off and rebooted by its configuration bus', () => {
    const { write, events } = assembled(description);
    const base = sysreg?.range.base ?? 0;
    write(base + SYS.CFGCTRL, 0xc080_0000);
    write(base + SYS.CFGCTRL, 0xc090_0000);
    expect(events).toEqual(['off', 'reset']);
  });

  test('has the flash at address 0, too, with the same contents', () => {
    const { read, write } = assembled(description);
    const flash = description.devices.find((row) => row.kind === 'cfi-flash');
    const bank = flash?.banks[0].base ?? 0;
    expect([read(0), read(bank)]).toEqual([0, 0]);
    // Read Identifier by the one place shows at both.
    write(0, 0x0090_0090);
    expect([read(0), read(bank), read(flash?.banks[1].base ?? 0)]).toEqual([0x0089_0089, 0x0089_0089, 0]);
  });

  test('has CPUs wait in a pen that can be read and not written', () => {
    const { board, read, write } = assembled(description);
    const pen = board.holdingPen ?? 0;
    const words = Array.from({ length: 14 }, (_, n) => read(pen + 4 * n));
    write(pen, 0);
    expect(words[7]).toBe(0xe320_f003);
    expect(words[13]).toBe((sysreg?.range.base ?? 0) + SYS.FLAGS);
    expect(read(pen)).toBe(words[0]);
  });

  test('keeps every device clear of RAM at its most, also behind an SMMU', () => {
    for (const board of [description, description.withSmmuV2 ?? description]) {
      const end = board.ram.base + board.ram.maxSize;
      const { board: built } = assembled(board);
      expect(end).toBeLessThanOrEqual(2 ** 32);
      expect(built.saveables.size).toBeGreaterThan(15);
      const bridge = board.devices.find((row) => row.kind === 'pcie-host');
      for (const { base, size } of [bridge?.ecam, bridge?.memoryWindow, bridge?.ioWindow].filter(
        (r) => r !== undefined,
      )) {
        expect(base + size <= board.ram.base || base >= end).toBe(true);
      }
    }
  });

  test('messages of PCI functions have interrupts that nothing else has', () => {
    const frame = description.devices.find((row) => row.kind === 'gic-v2m');
    const { devices } = description.withSmmuV2 ?? description;
    // Nothing drives these two; the L2C-310's number is a virtio transport's, as on QEMU.
    const wired = devices.filter(({ kind }) => kind !== 'l2c-310' && kind !== 'pmu');
    const own = wired.flatMap((row) => {
      const inputs = Object.values(row).flatMap((value) => (Array.isArray(value) ? value : [value]));
      return inputs.filter((input) => input?.kind === 'spi').map((input) => input.number as number);
    });
    expect(new Set(own).size).toBe(own.length);
    const [first, last] = [frame?.firstSpi ?? 0, (frame?.firstSpi ?? 0) + (frame?.spiCount ?? 0) - 1];
    expect(own.filter((number) => number >= first && number <= last)).toEqual([]);
  });

  test('its device tree has what Linux’ drivers of the motherboard look for', () => {
    const root = treeOf(description);
    const named = (prefix: string) => root.children.filter(({ name }) => name.startsWith(prefix));
    expect(stringsOf(root.properties.get('compatible') as Uint8Array)).toContain('arm,vexpress');
    const [node] = named('sysreg@');
    expect(node.children.map(({ name }) => name)).toEqual(['gpio@8', 'gpio@48', 'gpio@4c']);
    const functions = named('mcc')[0].children.map(({ properties }) =>
      cellsOf(properties.get('arm,vexpress-sysreg,func') as Uint8Array),
    );
    expect(functions).toContainEqual([8, 0]);
    expect(functions).toContainEqual([1, 2]);
    const uarts = named('pl011@').map(({ name }) => name);
    expect(uarts).toHaveLength(4);
    expect(named('virtio_mmio@')).toHaveLength(4);
    expect(named('timer@').length).toBeGreaterThanOrEqual(2);
    // No CPU is started by PSCI.
    expect(named('psci')).toEqual([]);
    const cpus = named('cpus')[0].children.filter(({ name }) => name.startsWith('cpu@'));
    expect(cpus.map(({ properties }) => properties.has('enable-method'))).toEqual([false, false]);
  });

  test('names of nodes beside each other differ, and oscillators’ names everywhere', () => {
    const names: string[] = [];
    const visit = (node: FdtNode): void => {
      const own = node.children.map(({ name }) => name);
      expect(new Set(own).size).toBe(own.length);
      for (const child of node.children) {
        const output = child.properties.get('clock-output-names');
        if (output) names.push(...stringsOf(output));
        visit(child);
      }
    };
    visit(treeOf(description));
    expect(new Set(names).size).toBe(names.length);
  });
});

test('the performance monitors’ node has as many interrupts as there are CPUs', () => {
  const pmu = treeOf(vexpressA9, 1).children.find(({ name }) => name === 'pmu');
  expect(cellsOf(pmu?.properties.get('interrupts') as Uint8Array)).toEqual([0, 60, 4]);
});
