import { describe, expect, test } from 'vitest';
import { GR0 } from '../../../src/iommu/smmu-v2/registers.ts';
import type { ShadowMapping } from '../../../src/ports/shadow-observer.ts';
import { IOVA, PAGE_RO, PAGE_RW, page, TABLES, translating } from './long-tables.ts';
import { mappingText, PlainHost, RAM, RAM_SIZE, RW, ShadowRig, STREAM } from './rig.ts';

const { L1, L2, L3 } = TABLES;
const IDENTITY = mappingText(RAM, RAM_SIZE, RAM, RW);

const pageText = (index: number, physical: number, rights = 'rw'): string =>
  `${(IOVA + 0x1000 * index).toString(16)}+1000 -> ${physical.toString(16)} ${rights}`;

describe('a stream that is not translated', () => {
  test('reaches all of RAM, by one mapping, after a reset: sCR0.CLIENTPD (IHI 0062D 9.6.3)', () => {
    expect(new ShadowRig().device().host.calls).toEqual([`map ${IDENTITY}`]);
  });

  test('reaches nothing where it matches no group and those are faults (USFCFG), all where they bypass', () => {
    const rig = new ShadowRig();
    const { host } = rig.device();
    rig.set(GR0.sCR0, 0x400);
    expect(host.list).toEqual([]);
    rig.set(GR0.sCR0, 0);
    expect(host.list).toEqual([IDENTITY]);
  });

  test('reaches nothing where its group’s S2CR says Fault, or its context bank is none', () => {
    const { rig, host } = translating();
    page(rig, 0, RAM);
    rig.barrier();
    for (const s2cr of [0x2_0000, 0x80]) {
      rig.set(GR0.S2CR, s2cr);
      expect(host.list).toEqual([]);
      rig.set(GR0.S2CR, 0);
      expect(host.list).toEqual([pageText(0, RAM)]);
    }
  });

  test('reaches what its addresses are where SCTLR.M is clear', () => {
    const { rig, host } = translating();
    rig.setBank(0, 'SCTLR', 0x1066);
    expect(host.list).toEqual([IDENTITY]);
  });
});

describe('a mapping', () => {
  test('that was invalid needs no invalidation: a barrier makes it visible (IHI 0062D 2.6)', () => {
    const { rig, host } = translating();
    page(rig, 3, RAM + 0x5000);
    expect(host.calls).toEqual([]);
    rig.barrier();
    expect(host.calls).toEqual([`map ${pageText(3, RAM + 0x5000)}`]);
  });

  test('is not seen in two halves: nothing happens between the stores of its words', () => {
    const { rig, host } = translating();
    rig.word(L3 + 4, 0);
    rig.word(L3, (RAM + 0x9000) | 0x443);
    expect(host.calls).toEqual([]);
    rig.word(L3, 0);
    rig.barrier();
    expect(host.calls).toEqual([]);
  });

  test('is gone from the host when software reads that its invalidation is complete (CBn_TLBSTATUS, sTLBGSTATUS)', () => {
    const { rig, host } = translating();
    page(rig, 0, RAM);
    rig.barrier();
    page(rig, 0, 0, 0n);
    rig.setBank(0, 'TLBIVA', IOVA >>> 12);
    rig.setBank(0, 'TLBSYNC', 0);
    expect(rig.bank(0, 'TLBSTATUS')).toBe(0);
    expect(host.list).toEqual([]);
    page(rig, 1, RAM);
    rig.barrier();
    page(rig, 1, 0, 0n);
    expect(rig.get(GR0.sTLBGSTATUS)).toBe(0);
    expect(host.list).toEqual([]);
  });

  test('without the right to write is mapped for reading, and one that unprivileged accesses don’t reach is not', () => {
    const { rig, host } = translating();
    page(rig, 0, RAM, PAGE_RO);
    page(rig, 1, RAM, 0x403n);
    rig.barrier();
    expect(host.list).toEqual([pageText(0, RAM, 'r-')]);
    // S2CR.PRIVCFG makes them privileged.
    rig.set(GR0.S2CR, 0x300_0000);
    expect(host.list).toEqual([pageText(0, RAM, 'r-'), pageText(1, RAM)]);
  });

  test('whose access flag is clear is none, unless SCTLR.AFFD is set', () => {
    const { rig, host } = translating();
    page(rig, 0, RAM, 0x043n);
    rig.barrier();
    expect(host.list).toEqual([]);
    rig.setBank(0, 'SCTLR', 0x106f);
    expect(host.list).toEqual([pageText(0, RAM)]);
  });

  test('of instruction fetches needs the right to execute (S2CR.INSTCFG)', () => {
    const { rig, host } = translating();
    page(rig, 0, RAM, PAGE_RO | (1n << 54n));
    page(rig, 1, RAM, PAGE_RO);
    rig.set(GR0.S2CR, 0xc00_0000);
    expect(host.list).toEqual([pageText(1, RAM, 'r-')]);
  });

  test('with other rights than before is unmapped and mapped, which leaves a gap that is counted', () => {
    const { rig, host } = translating();
    page(rig, 0, RAM);
    rig.barrier();
    page(rig, 0, RAM, PAGE_RO);
    rig.barrier();
    expect(host.calls.slice(1)).toEqual([`unmap ${IOVA.toString(16)}+1000`, `map ${pageText(0, RAM, 'r-')}`]);
    expect(rig.shadow.statistics).toMatchObject({ maps: 2, unmaps: 1, gaps: 1, dirtyDescriptors: 2 });
  });

  test('of other memory is no gap', () => {
    const { rig } = translating();
    page(rig, 0, RAM);
    rig.barrier();
    page(rig, 0, RAM + 0x1000);
    rig.barrier();
    expect(rig.shadow.statistics).toMatchObject({ maps: 2, unmaps: 1, gaps: 0 });
  });

  test('is never put together with its neighbour, which may go alone; a Contiguous hint is none', () => {
    const { rig, host } = translating();
    for (const i of [0, 1]) page(rig, i, RAM + 0x1000 * i, PAGE_RW | (1n << 52n));
    rig.barrier();
    expect(host.mapped.size).toBe(2);
    page(rig, 0, 0, 0n);
    rig.barrier();
    expect(host.list).toEqual([pageText(1, RAM + 0x1000)]);
  });

  test('of a block is one, and its pages when it is split: a gap', () => {
    const { rig, host } = translating();
    rig.double(L2, BigInt(RAM) | 0x441n);
    rig.barrier();
    expect(host.list).toEqual([`${IOVA.toString(16)}+200000 -> ${RAM.toString(16)} rw`]);
    for (const i of [0, 1]) page(rig, i, RAM + 0x1000 * i);
    rig.double(L2, BigInt(L3 | 3));
    rig.barrier();
    expect(host.list).toEqual([pageText(0, RAM), pageText(1, RAM + 0x1000)]);
    expect(rig.shadow.statistics.gaps).toBe(1);
  });

  test('is as much of it as is in RAM', () => {
    const { rig, host } = translating();
    rig.double(L1 + 8 * 1, 0x441n | BigInt(RAM));
    rig.double(L1 + 8 * 3, 0x441n);
    page(rig, 0, 0x0802_0000);
    page(rig, 1, RAM + RAM_SIZE);
    rig.barrier();
    expect(host.list).toEqual([`40000000+${RAM_SIZE.toString(16)} -> ${RAM.toString(16)} rw`]);
  });

  test('at address 0 is one like others', () => {
    const { rig, host } = translating();
    rig.double(L1, BigInt(L2 | 3));
    page(rig, 0, RAM + 0x3000);
    rig.barrier();
    expect(host.list).toEqual([`0+1000 -> ${(RAM + 0x3000).toString(16)} rw`, pageText(0, RAM + 0x3000)]);
  });

  test('of the second stage, whose tables also decide where the first’s are', () => {
    const { rig, host } = translating();
    const S2 = L1 + 0x8000;
    page(rig, 0, RAM + 0x5000);
    // Bank 1 is a stage 2 of 40 bits from level 1, which has the first 2 GiB as they are, and bank 0 has it behind it.
    rig.setBank(1, 'TTBR0', S2);
    rig.setBank(1, 'TCR', 0x8000_0058);
    rig.setBank(1, 'SCTLR', 0x1067);
    rig.set(0x1004, 0);
    rig.set(0x1000, 0x0003_0100);
    expect(host.list).toEqual([]);
    rig.double(S2 + 8, BigInt(RAM) | 0x4c1n);
    rig.barrier();
    expect(host.list).toEqual([pageText(0, RAM + 0x5000)]);
    rig.double(S2 + 8, BigInt(RAM) | 0x441n);
    rig.barrier();
    expect(host.list).toEqual([pageText(0, RAM + 0x5000, 'r-')]);
    page(rig, 0, 0, 0n);
    page(rig, 4, RAM + 0x6000);
    rig.barrier();
    expect(host.list).toEqual([pageText(4, RAM + 0x6000, 'r-')]);
    rig.double(S2 + 8, 0n);
    rig.barrier();
    expect(host.list).toEqual([]);
  });
});

describe('a table', () => {
  test('is watched while something leads to it, and no longer', () => {
    const { rig, host } = translating();
    page(rig, 0, RAM);
    rig.barrier();
    rig.double(L2, 0n);
    rig.barrier();
    expect(host.list).toEqual([]);
    page(rig, 1, RAM);
    expect(rig.dirty).toBe(false);
    rig.double(L2, BigInt(L3 | 3));
    rig.barrier();
    expect(host.list).toEqual([pageText(0, RAM), pageText(1, RAM)]);
    page(rig, 1, 0, 0n);
    expect(rig.dirty).toBe(true);
  });

  test('that two descriptors lead to is looked at for both', () => {
    const { rig, host } = translating();
    rig.double(L2 + 8, BigInt(L3 | 3));
    page(rig, 2, RAM);
    rig.barrier();
    expect(host.list).toEqual([pageText(2, RAM), pageText(0x202, RAM)]);
    rig.double(L2, 0n);
    rig.barrier();
    page(rig, 2, 0, 0n);
    rig.barrier();
    expect(host.list).toEqual([]);
  });

  test('that an emulated device writes is looked at, too', () => {
    const { rig, host } = translating();
    rig.double(L2 + 8, BigInt(RAM) | 0x441n);
    rig.barrier();
    const entry = Uint8Array.from([0x43, 0x74, 0, 0x40, 0, 0, 0, 0]);
    expect(rig.port().write(IOVA + 0x20_0000 + (L3 - RAM), entry)).toBe(true);
    rig.barrier();
    expect(host.list[0]).toBe(pageText(0, RAM + 0x7000));
  });
});

describe('a context', () => {
  test('that is exchanged for another takes all with it before anything of the other is there', () => {
    const { rig, host } = translating();
    page(rig, 0, RAM);
    rig.barrier();
    rig.setBank(1, 'TTBR0', L1 + 0x4000);
    rig.setBank(1, 'TCR', 0x8000_0000);
    rig.setBank(1, 'SCTLR', 0x1067);
    rig.route(1, 0x7, 1);
    rig.double(L1 + 0x4000, BigInt(RAM) | 0x441n);
    host.calls.length = 0;
    rig.set(GR0.S2CR, 1);
    expect(host.calls).toEqual(['unmap all', `map 0+${RAM_SIZE.toString(16)} -> ${RAM.toString(16)} rw`]);
    // Stores to tables that nobody uses are nobody's business.
    rig.word(L3, 0);
    expect(rig.dirty).toBe(false);
  });

  test('of several devices gives each of them the same', () => {
    const { rig, host } = translating();
    rig.route(1, 0x10, 0);
    const second = rig.device(undefined, 0x10);
    page(rig, 0, RAM);
    rig.barrier();
    expect(second.host.list).toEqual(host.list);
    second.detach();
    page(rig, 1, RAM);
    rig.barrier();
    expect([host.mapped.size, second.host.mapped.size]).toEqual([2, 0]);
  });
});

describe('devices of one group of the host', () => {
  test('have one set of mappings where they are in one context', () => {
    const { rig, host } = translating();
    rig.route(1, 0x10, 0);
    rig.device(host, 0x10);
    page(rig, 0, RAM);
    rig.barrier();
    expect(host.list).toEqual([pageText(0, RAM)]);
    expect(rig.warnings).toEqual([]);
  });

  test('in different ones have that of the one that masters the bus; when both do, both are stopped', () => {
    const { rig, device, host } = translating();
    const second = rig.device(host, 0x10);
    page(rig, 0, RAM);
    rig.barrier();
    expect(host.list).toEqual([]);
    device.setBusMaster(true);
    expect(host.list).toEqual([pageText(0, RAM)]);
    second.setBusMaster(true);
    expect(host.list).toEqual([]);
    expect([device.stops, second.stops]).toEqual([1, 1]);
    rig.barrier();
    rig.set(GR0.sCR0, 1);
    expect(rig.warnings).toHaveLength(1);
    expect(rig.warnings[0]).toMatch(/device 108 and device 10 .*one IOMMU group/);
    expect(host.list).toEqual([]);
  });
});

describe('a mapping that the host refuses', () => {
  test('ends the device’s DMA, takes everything from it, and is told once', () => {
    const { rig, device, host } = translating();
    page(rig, 0, RAM);
    rig.barrier();
    host.refusal = 'the host has no room for it';
    for (const i of [1, 2]) page(rig, i, RAM);
    rig.barrier();
    expect([device.stops, host.list]).toEqual([1, []]);
    host.refusal = undefined;
    page(rig, 3, RAM);
    rig.barrier();
    rig.set(GR0.sCR0, 1);
    expect(rig.warnings).toEqual(['the DMA of device 108 is stopped: the host has no room for it']);
    expect(host.list).toEqual([]);
    expect(rig.shadow.statistics.refused).toBe(1);
  });

  test('is no other device’s business', () => {
    const { rig, host } = translating();
    rig.route(1, 0x10, 0);
    const second = rig.device(undefined, 0x10);
    host.refusal = 'no';
    page(rig, 0, RAM);
    rig.barrier();
    expect([host.list, second.host.list]).toEqual([[], [pageText(0, RAM)]]);
  });

  test('ends the device’s DMA as well when it can’t be taken back', () => {
    const { rig, device, host } = translating();
    page(rig, 0, RAM);
    rig.barrier();
    host.unmapRefusal = 'no';
    page(rig, 0, 0, 0n);
    rig.barrier();
    expect([device.stops, host.list]).toEqual([1, []]);
  });

  test.each([
    [100, 99, 1],
    [99, 99, 0],
  ])('because the guest maps %i pieces and the host takes %i', (count, limit, stops) => {
    const { rig, device, host } = translating(new PlainHost(limit));
    for (let i = 0; i < count; i++) page(rig, i, RAM);
    rig.barrier();
    expect([device.stops, host.mapped.size]).toEqual([stops, stops === 1 ? 0 : count]);
    expect(rig.warnings.join()).toMatch(stops === 1 ? /more than 99 pieces/ : /^$/);
  });
});

describe('tables that a real device may write', () => {
  /** The device may write the page of the third-level table. */
  function exposed() {
    const made = translating();
    page(made.rig, 0, L3);
    made.rig.barrier();
    return made;
  }

  test.each([
    ['a register of the SMMU is read', (rig: ShadowRig) => void rig.get(GR0.sTLBGSTATUS)],
    ['a device is accessed, or a slice ends', (rig: ShadowRig) => rig.shadow.synchronizeAll()],
  ])('are read again when %s', (_when, happens) => {
    const { rig, host } = exposed();
    rig.silently(L3 + 8, RAM | 0x443);
    happens(rig);
    expect(host.list).toEqual([pageText(0, L3), pageText(1, RAM)]);
  });

  test('are looked at a last time when the device can’t write them any more', () => {
    const { rig, host } = exposed();
    rig.silently(L3 + 8, RAM | 0x443);
    page(rig, 0, L3, PAGE_RO);
    rig.barrier();
    expect(host.list).toEqual([pageText(0, L3, 'r-'), pageText(1, RAM)]);
    rig.silently(L3 + 16, RAM | 0x443);
    rig.shadow.synchronizeAll();
    expect(host.list).toHaveLength(2);
  });

  test('are all tables when another device’s stream bypasses', () => {
    const { rig, host } = translating();
    rig.route(1, 0x10, 1, 1);
    rig.device(undefined, 0x10);
    rig.silently(L3, RAM | 0x443);
    rig.shadow.synchronizeAll();
    expect(host.list).toEqual([pageText(0, RAM)]);
  });
});

describe('a guest that means no good', () => {
  test('has tables that lead to themselves: work has a bound, and the device is stopped where it is passed', () => {
    const rig = new ShadowRig();
    for (let i = 0; i < 512; i++) rig.double(L1 + 8 * i, BigInt(L1 | 0x443));
    const device = rig.device();
    rig.attachLong(L1);
    expect(device.stops).toBe(1);
    expect(rig.warnings.join()).toContain('more than 65535 pieces');
    expect(device.host.list).toEqual([]);
  });

  test('has AArch64 tables of four levels without one leaf, of which each has 512 successors', () => {
    const rig = new ShadowRig(undefined, 20_000);
    for (let i = 0; i < 512; i++) rig.double(L1 + 8 * i, BigInt(L1 + 0x1000) | 3n);
    for (let i = 0; i < 512; i++) rig.double(L1 + 0x1000 + 8 * i, BigInt(L1 + 0x2000) | 3n);
    for (let i = 0; i < 512; i++) rig.double(L1 + 0x2000 + 8 * i, BigInt(L1 + 0x3000) | 3n);
    const device = rig.device();
    rig.set(0x1800, 1);
    rig.setBank(0, 'TCR2', (7 << 15) | 2);
    rig.attachLong(L1);
    rig.setBank(0, 'TCR', 0x80_0010);
    expect(device.stops).toBe(1);
    expect(rig.warnings.join()).toMatch(/more than 20000 descriptors/);
  });

  test('maps its own tables, and more by what the device then writes', () => {
    const { rig, host } = translating();
    rig.double(L2 + 8, BigInt(RAM) | 0x441n);
    rig.barrier();
    rig.silently(L2 + 16, L2 | 3);
    rig.silently(L3 + 8, (RAM + 0x7000) | 0x443);
    rig.shadow.synchronizeAll();
    expect(host.list).toContain(pageText(1, RAM + 0x7000));
    expect(rig.warnings).toEqual([]);
  });

  test.each([
    ['a device’s registers', 0x0802_0000],
    ['beyond RAM', RAM + RAM_SIZE],
  ])('has its tables in %s: there are none', (_where, table) => {
    const { rig, host } = translating();
    rig.double(L2, BigInt(table | 3));
    rig.barrier();
    rig.setBank(0, 'TTBR0', table);
    expect(host.list).toEqual([]);
    expect(rig.warnings).toEqual([]);
  });

  test('uses one page for tables of all levels', () => {
    const { rig, host } = translating();
    rig.setBank(0, 'TTBR0', L3);
    rig.double(L3, BigInt(L3 | 3));
    rig.barrier();
    // The page is the table of three levels, and the first page is the table itself.
    expect(host.list).toEqual([`0+1000 -> ${L3.toString(16)} rw`].slice(1));
    rig.double(L3, BigInt(L3) | PAGE_RW);
    rig.barrier();
    expect(host.list).toEqual([`0+1000 -> ${L3.toString(16)} rw`]);
    rig.double(L3, 0n);
    rig.barrier();
    expect(host.list).toEqual([]);
  });
});

describe('around it', () => {
  test('a saved machine’s registers and RAM are followed for a device that is attached then', () => {
    const { rig, host } = translating();
    page(rig, 0, RAM);
    rig.barrier();
    const saved = rig.smmu.saveState();
    const words = rig.words.slice();
    const again = new ShadowRig();
    again.words.set(words);
    again.smmu.restoreState(saved);
    const { host: other } = again.device();
    expect(other.list).toEqual(host.list);
    page(again, 1, RAM);
    again.barrier();
    expect(other.mapped.size).toBe(2);
  });

  test('an observer hears of what devices reach, when the host has it', () => {
    const heard: string[] = [];
    const text = ({ streams, iova, size, physical, read, write }: ShadowMapping): string =>
      `${streams.join()} ${iova.toString(16)}+${size.toString(16)} ${physical.toString(16)} ${read}${write}`;
    const rig = new ShadowRig({
      mapped: (mapping) => heard.push(`map ${text(mapping)}`),
      unmapped: (mapping) => heard.push(`unmap ${text(mapping)}`),
    });
    rig.device();
    rig.set(GR0.sCR0, 0x400);
    const all = `${STREAM} 40000000+${RAM_SIZE.toString(16)} 40000000 truetrue`;
    expect(heard).toEqual([`map ${all}`, `unmap ${all}`]);
  });

  test('a reset of the SMMU gives devices all of RAM again', () => {
    const { rig, host } = translating();
    rig.smmu.reset();
    expect(host.list).toEqual([IDENTITY]);
  });
});
