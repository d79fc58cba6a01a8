import { describe, expect, test } from 'vitest';
import { assembleBoard, type BoardMemory, directStorageOf } from '../../src/boards/assemble-board.ts';
import { type BoardDescription, interruptId, spi } from '../../src/boards/board.ts';
import { virt } from '../../src/boards/virt.ts';
import { HostClock } from '../../src/machine/clock.ts';
import { SerialPort } from '../../src/machine/serial.ts';
import { MachineMemory } from '../../src/memory/machine-memory.ts';
import { PageWatches } from '../../src/memory/page-watches.ts';
import { PhysicalMemory } from '../../src/memory/physical-memory.ts';
import type { EndpointPort, PciEndpoint } from '../../src/pci/endpoint.ts';
import { type DirectReads, privateStorage } from '../../src/ports/direct-reads.ts';
import { type AccessSize, type MmioDevice, type Requester, silentLog } from '../../src/ports/mmio.ts';

const CPU0: Requester = { kind: 'cpu', cpu: 0, streamId: 0, secure: true, privileged: true };

/** Devices at their addresses; bus masters reach them, and no RAM. */
class TestMemory implements BoardMemory {
  readonly regions: { base: number; size: number; device: MmioDevice; name: string }[] = [];

  map(base: number, size: number, device: MmioDevice, name: string): void {
    const other = this.regions.find((r) => base < r.base + r.size && r.base < base + size);
    if (other) throw new Error(`${name} overlaps ${other.name}`);
    this.regions.push({ base, size, device, name });
  }

  read(address: number, size: AccessSize = 4): number {
    const region = this.regionAt(address);
    return region.device.read(address - region.base, size, CPU0);
  }

  write(address: number, value: number, size: AccessSize = 4): void {
    const region = this.regionAt(address);
    region.device.write(address - region.base, size, value, CPU0);
  }

  directReads(_base: number, size: number): DirectReads {
    return privateStorage(size);
  }

  isRam(): boolean {
    return false;
  }

  readBytes(): boolean {
    return false;
  }

  writeBytes(address: number, from: Uint8Array): boolean {
    this.write(address, new DataView(from.buffer, from.byteOffset).getUint32(0, true));
    return true;
  }

  private regionAt(address: number) {
    const region = this.regions.find((r) => address >= r.base && address < r.base + r.size);
    if (!region) throw new Error(`nothing at 0x${address.toString(16)}`);
    return region;
  }
}

function assemble(description: BoardDescription = virt, cpus = 1) {
  const memory = new TestMemory();
  const serial = new SerialPort();
  let hostNs = 0;
  const clock = new HostClock(() => hostNs);
  clock.resume();
  const board = assembleBoard(description, {
    memory,
    clock,
    wallClock: { unixSeconds: () => 1_000_000 },
    log: silentLog,
    cpus: Array.from({ length: cpus }, () => ({ irq: { set() {} }, fiq: { set() {} } })),
    serial: () => serial,
  });
  const pass = (ns: number): void => {
    hostNs += ns;
    clock.runDue();
  };
  return { board, memory, serial, pass };
}

const GICD = 0x0800_0000;
const GICD_ISPENDR = GICD + 0x200;
const UART = 0x0900_0000;
const MSI_SETSPI_NS = 0x0802_0000 + 0x40;

/** GICD_ISPENDR's bit of an interrupt. */
function isPending(memory: TestMemory, id: number): boolean {
  return ((memory.read(GICD_ISPENDR + (id >>> 5) * 4) >>> (id & 31)) & 1) !== 0;
}

describe('virt', () => {
  test('has its devices where the table says', () => {
    const { memory } = assemble();
    expect(memory.read(UART + 0xfe0)).toBe(0x11);
    expect(memory.read(0x0901_0000 + 0xfe0)).toBe(0x31);
    expect(memory.read(0x0901_0000)).toBe(1_000_000);
    // The host bridge's own vendor and device ID at 00:00.0, nothing at 00:01.0.
    expect(memory.read(0x3f00_0000)).toBe(0x0008_1b36);
    expect(memory.read(0x3f00_8000)).toBe(0xffff_ffff);
  });

  test('has the interrupts of its table: the UART on SPI 1', () => {
    const { memory, serial } = assemble();
    serial.write('x');
    // UARTIMSC: receive timeout and receive.
    memory.write(UART + 0x38, 0x50);
    expect(isPending(memory, interruptId(spi(1)))).toBe(true);
  });

  test('has a timer for each CPU on PPI 11 (virtual) and 14 (physical)', () => {
    const { board, memory, pass } = assemble(virt, 2);
    expect(board.timers).toHaveLength(2);
    board.timers[0].write('CNTV_TVAL', 62_500);
    board.timers[0].write('CNTV_CTL', 1);
    expect(isPending(memory, 27)).toBe(false);
    pass(1_000_000);
    expect(isPending(memory, 27)).toBe(true);
    board.timers[0].write('CNTP_CTL', 1);
    expect(isPending(memory, 30)).toBe(true);
  });

  test('turns a write to the MSI frame into an SPI', () => {
    const { memory } = assemble();
    // GICD_ICFGR: edge-triggered, as the guest's driver sets every interrupt of the frame.
    memory.write(GICD + 0xc00 + (82 >>> 4) * 4, 2 << ((82 & 15) * 2));
    memory.write(MSI_SETSPI_NS, 82);
    expect(isPending(memory, interruptId(spi(50)))).toBe(true);
  });

  test('rotates INTA of the device in slot 1 to SPI 4, and tells it of the end of the interrupt', () => {
    const { board, memory } = assemble();
    const changes: string[] = [];
    let port: EndpointPort | undefined;
    const endpoint: PciEndpoint = {
      name: 'test',
      description: { vendorId: 1, deviceId: 2, classCode: 0xff0000, bars: [], interruptPin: 1 },
      attach: (p) => {
        port = p;
      },
      detach() {},
      reset() {},
      readBar: () => 0,
      writeBar() {},
      configChanged: (change) => changes.push(change.kind),
    };
    expect(board.hostBridge.plug(endpoint)).toBe('00:01.0');
    port?.setIntx(true);
    const id = interruptId(spi(4));
    expect(isPending(memory, id)).toBe(true);
    // Enable the interrupt for CPU 0, acknowledge it, and end it.
    memory.write(GICD + 0x100 + (id >>> 5) * 4, 1 << (id & 31));
    memory.write(GICD + 0x800 + id, 1, 1);
    memory.write(GICD, 1);
    memory.write(0x0801_0000 + 4, 0xff);
    memory.write(0x0801_0000, 1);
    expect(memory.read(0x0801_0000 + 0xc)).toBe(id);
    memory.write(0x0801_0000 + 0x10, id);
    expect(changes).toContain('intx-eoi');
  });

  test('gives the guest what is typed and the person what the guest sends', () => {
    const { memory, serial } = assemble();
    const heard: number[] = [];
    serial.onData((bytes) => heard.push(...bytes));
    memory.write(UART, 0x41);
    serial.flush();
    expect(heard).toEqual([0x41]);
    serial.write('hi');
    // The FIFO is one deep until UARTLCR_H.FEN: the second letter waits for the first to be read.
    expect([memory.read(UART), memory.read(UART)]).toEqual([0x68, 0x69]);
  });

  test('has a power button on line 3 of its GPIO', () => {
    const { board, memory, pass } = assemble();
    const GPIO = 0x0903_0000;
    board.powerButton?.press();
    expect(memory.read(GPIO + (8 << 2))).toBe(8);
    pass(100_000_000);
    expect(memory.read(GPIO + (8 << 2))).toBe(0);
  });

  test('tells firmware of itself at the address of fw_cfg', () => {
    const { memory } = assemble();
    // The signature of the DMA interface, big-endian: "QEMU CFG".
    expect(memory.read(0x0902_0010)).toBe(0x554d_4551);
  });

  test('is back at its power-on state after a reset', () => {
    const { board, memory } = assemble();
    memory.write(UART + 0x38, 0x50);
    memory.write(GICD, 1);
    board.reset();
    expect(memory.read(UART + 0x38)).toBe(0);
    expect(memory.read(GICD)).toBe(0);
  });
});

test('3 GiB of RAM and the devices of virt fit into 32 bits of physical addresses', () => {
  const memory = new PhysicalMemory(
    new MachineMemory(virt.ram.maxSize, directStorageOf(virt)),
    virt.ram.base,
    new PageWatches(virt.ram.maxSize),
  );
  const parts = {
    memory,
    clock: new HostClock(() => 0),
    wallClock: { unixSeconds: () => 0 },
    log: silentLog,
    cpus: [{ irq: { set() {} }, fiq: { set() {} } }],
    serial: () => new SerialPort(),
  };
  assembleBoard(virt, parts);
  expect(memory.read(UART + 0xfe0, 4, CPU0)).toBe(0x11);
  expect(memory.isRam(0xffff_ffff)).toBe(true);
});

describe('a table with a mistake is refused', () => {
  const without = (name: string): BoardDescription => ({
    ...virt,
    devices: virt.devices.filter((row) => row.name !== name),
  });

  test.each([
    ['gic', "no GIC called 'gic'"],
    ['apb-pclk', "no fixed-clock called 'apb-pclk'"],
    ['pcie', 'no PCIe host bridge'],
  ])('without %s', (name, message) => {
    expect(() => assemble(without(name))).toThrow(message);
  });

  test('with two devices at one address', () => {
    const devices = virt.devices.map((row) =>
      row.kind === 'pl031' ? { ...row, range: { base: 0x0900_0000, size: 0x1000 } } : row,
    );
    expect(() => assemble({ ...virt, devices })).toThrow('rtc overlaps uart0');
  });
});
