import { describe, expect, test } from 'vitest';
import { createMachine, OptionError, type TraceCategory } from '../../src/index.ts';
import { CB, CONTEXT_BANKS_BASE, GR0, GR1 } from '../../src/iommu/smmu-v2/registers.ts';
import type { TraceEvent } from '../../src/trace/events.ts';
import { TraceRecorder } from '../../src/trace/recorder.ts';
import { BAR, CONFIG, RAM, tracedMachine } from './traced-machine.ts';

const AT_START = { ns: 0, instructions: 0, device: '00:01.0' };
const SMMU = 0x0905_0000;
const BANK = SMMU + CONTEXT_BANKS_BASE;
const TABLES = RAM + 0x4_0000;
const IOVA = 0x8000_0000;

describe('a trace', () => {
  test('begins with what the machine is', async () => {
    const { records, header } = await tracedMachine(['irq', 'mmio'], { machine: 'virt,iommu=smmuv2' });
    expect(records).toHaveLength(1);
    expect(header).toMatchObject({
      format: 'armemu-trace',
      version: 1,
      machine: 'virt,iommu=smmuv2',
      categories: ['irq', 'mmio'],
      iommu: true,
    });
    expect(header.devices[1]).toEqual({
      address: '00:01.0',
      name: 'function',
      vendorId: '0x1234',
      deviceId: '0x4',
      classCode: '0xff0000',
      bars: [{ index: 0, kind: 'memory32', size: 0x2000 }],
      capabilities: [
        { id: 1, offset: 0x40, length: 8 },
        { id: 5, offset: 0x48, length: 14 },
        { id: 17, offset: 0x58, length: 12 },
        { id: 16, offset: 0x64, length: 0x3c },
      ],
      msix: { vectors: 2, tableBar: 0, tableOffset: 0x1000, pbaBar: 0, pbaOffset: 0x1800 },
    });
  });

  test('has every access to configuration space, and all ones where no function is', async () => {
    const { machine, events } = await tracedMachine(['config']);
    machine.memory.writeWord(CONFIG + 4, 6);
    machine.memory.read(CONFIG, 1);
    machine.memory.readWord(CONFIG + 0x8000);
    expect(events()).toEqual([
      { ...AT_START, category: 'config', op: 'write', offset: '0x4', size: 4, value: '0x6' },
      { ...AT_START, category: 'config', op: 'read', offset: '0x0', size: 1, value: '0x34' },
      {
        ...AT_START,
        category: 'config',
        device: '00:02.0',
        op: 'read',
        offset: '0x0',
        size: 4,
        value: '0xffffffff',
      },
    ]);
  });

  test('has every access to a BAR, to its MSI-X table too', async () => {
    const { machine, events } = await tracedMachine(['mmio']);
    machine.memory.writeWord(CONFIG + 0x10, BAR);
    machine.memory.writeWord(CONFIG + 4, 2);
    machine.memory.writeWord(BAR + 0x14, 0xffff_fffe);
    machine.memory.readWord(BAR + 0x14);
    machine.memory.writeWord(BAR + 0x1004, 1);
    const at = { ...AT_START, category: 'mmio', bar: 0, size: 4 };
    expect(events()).toEqual([
      { ...at, op: 'write', offset: '0x14', value: '0xfffffffe' },
      { ...at, op: 'read', offset: '0x14', value: '0xfffffffe' },
      { ...at, op: 'write', offset: '0x1004', value: '0x1' },
    ]);
  });

  test('has the pin as the bus sees it, and each message that is sent', async () => {
    const { machine, fn, events } = await tracedMachine(['irq']);
    fn.port!.setIntx(true);
    fn.port!.setIntx(true);
    fn.port!.setIntx(false);
    const pin = { ...AT_START, category: 'irq', pin: 'INTB' };
    expect(events()).toEqual([
      { ...pin, op: 'raise' },
      { ...pin, op: 'lower' },
    ]);
    machine.memory.writeWord(CONFIG + 4, 4);
    machine.memory.writeWord(CONFIG + 0x4c, 0x0802_0040);
    machine.memory.writeWord(CONFIG + 0x54, 0x50);
    // MSI enable, four messages.
    machine.memory.writeWord(CONFIG + 0x48, 0x21_0000);
    fn.port!.signalMsi(3);
    expect(events()).toEqual([
      { ...AT_START, category: 'irq', op: 'msi', vector: 3, address: '0x8020040', data: '0x53' },
    ]);
  });

  test('has DMA with what became of it', async () => {
    const { machine, fn, events } = await tracedMachine(['dma']);
    fn.port!.dma.write(RAM, Uint8Array.of(1, 2));
    machine.memory.writeWord(CONFIG + 4, 4);
    fn.port!.dma.read(RAM, new Uint8Array(512));
    fn.port!.dma.read(-1, new Uint8Array(1));
    const at = { ...AT_START, category: 'dma' };
    expect(events()).toEqual([
      { ...at, op: 'write', iova: '0x40000000', size: 2, failed: true },
      { ...at, op: 'read', iova: '0x40000000', size: 512 },
      { ...at, op: 'read', iova: '0x1fffffffffffff', size: 1, failed: true },
    ]);
  });

  test('has virtual time and instructions of each event', async () => {
    const records: unknown[] = [];
    const machine = await createMachine({
      memory: '16M',
      append: 'selftest',
      semihosting: true,
      clock: 'instructions',
      trace: { categories: ['config'], sink: (record) => void records.push(record) },
    });
    await machine.start();
    await machine.exited;
    const events = records.slice(1) as TraceEvent[];
    expect(events.length).toBeGreaterThan(10);
    events.forEach((event, i) => {
      if (i === 0) return;
      expect(event.ns).toBeGreaterThanOrEqual(events[i - 1].ns);
      expect(event.instructions).toBeGreaterThan(events[i - 1].instructions);
    });
  });
});

describe('a trace of functions behind an SMMU', () => {
  /** A megabyte of IOVAs is the first of RAM, the next the second; the pages after it lead to nothing. */
  async function translating(categories: readonly TraceCategory[]) {
    const traced = await tracedMachine(categories, { machine: 'virt,iommu=smmuv2' });
    const { memory } = traced.machine;
    for (const [address, value] of [
      [TABLES + (IOVA >>> 20) * 4, RAM | 0xc02],
      [TABLES + (IOVA >>> 20) * 4 + 4, 0xc02],
      [SMMU + GR0.SMR, 0x8000_0008],
      [SMMU + GR0.S2CR, 0],
      [SMMU + 0x1000 + GR1.CBAR, 0x0001_f300],
      [BANK + CB.TTBR0, TABLES],
      [BANK + CB.TCR, 0],
      [BANK + CB.SCTLR, 0x1067],
      [SMMU + GR0.sCR0, 0x1c36],
      [CONFIG + 4, 4],
    ]) {
      memory.writeWord(address, value);
    }
    return traced;
  }

  test('says where each transfer went, and each translation once', async () => {
    const { fn, events } = await translating(['dma', 'iommu']);
    fn.port!.dma.write(IOVA + 0xff0, new Uint8Array(32));
    fn.port!.dma.write(IOVA + 0x1000, new Uint8Array(4));
    fn.port!.dma.read(IOVA + 0x1000, new Uint8Array(4));
    const mapping = { category: 'iommu', op: 'translate', iova: '0x80000000', physical: '0x40000000' };
    expect(events().map(({ ns: _, instructions: __, device: ___, ...event }) => event)).toEqual([
      { ...mapping, size: 4096, rights: 'w' },
      { ...mapping, iova: '0x80001000', physical: '0x40001000', size: 4096, rights: 'w' },
      { category: 'dma', op: 'write', iova: '0x80000ff0', size: 32, physical: '0x40000ff0' },
      { category: 'dma', op: 'write', iova: '0x80001000', size: 4, physical: '0x40001000' },
      { ...mapping, iova: '0x80001000', physical: '0x40001000', size: 4096, rights: 'r' },
      { category: 'dma', op: 'read', iova: '0x80001000', size: 4, physical: '0x40001000' },
    ]);
  });

  test('has faults of the SMMU, and none where memory is what is missing', async () => {
    const { machine, fn, events } = await translating(['iommu', 'irq']);
    fn.port!.dma.write(0x1000, new Uint8Array(4));
    expect(events()).toEqual([
      { ...AT_START, category: 'iommu', op: 'fault', iova: '0x1000', size: 4, rights: 'w' },
    ]);
    // SCTLR.HUPCF is clear: while a fault is in FSR, every further access is refused.
    machine.memory.writeWord(BANK + CB.FSR, 0xffff_ffff);
    fn.port!.dma.read(IOVA + 0x20_0000 - 8, new Uint8Array(16));
    expect(events().map(({ op }) => op)).toEqual(['translate', 'fault']);
  });

  test('has mappings of the host’s IOMMU for each device that they are for', () => {
    const events: unknown[] = [];
    const recorder = new TraceRecorder(['iommu'], (record) => void events.push(record), {
      nowNs: () => 5,
      instructions: () => 6,
    });
    recorder.begin({
      format: 'armemu-trace',
      version: 1,
      machine: 'virt',
      categories: ['iommu'],
      iommu: true,
      devices: [],
    });
    events.length = 0;
    const mapping = { streams: [8, 16], iova: 0x1000, size: 0x2000, physical: RAM, read: true, write: false };
    recorder.mapped(mapping);
    recorder.unmapped({ ...mapping, streams: [8], write: true });
    const fields = {
      ns: 5,
      instructions: 6,
      category: 'iommu',
      iova: '0x1000',
      size: 0x2000,
      physical: '0x40000000',
    };
    expect(events).toEqual([
      { ...fields, device: '00:01.0', op: 'map', rights: 'r' },
      { ...fields, device: '00:02.0', op: 'map', rights: 'r' },
      { ...fields, device: '00:01.0', op: 'unmap', rights: 'rw' },
    ]);
  });
});

describe('the option trace', () => {
  test('refuses categories that are none', async () => {
    const sink = () => {};
    await expect(createMachine({ trace: { categories: ['irqs' as 'irq'], sink } })).rejects.toThrow(
      "unknown trace 'irqs'; did you mean 'irq'?",
    );
    await expect(createMachine({ trace: { categories: [], sink } })).rejects.toThrow(OptionError);
  });

  test('without a category is of all of them', async () => {
    const { header } = await tracedMachine(undefined);
    expect(header.categories).toEqual(['iommu', 'dma', 'irq', 'mmio', 'config']);
  });
});
