import { describe, expect, test } from 'vitest';
import type { HostMappings } from '../../../src/ports/host-mappings.ts';
import {
  type FaultNames,
  IOVA,
  L1,
  L2,
  L3,
  PAGE_RO,
  PAGE_RW,
  SMMU_NAMES,
  SMMUS,
  TABLE,
} from './bad-guest.ts';
import { mappingText, PlainHost, RAM, RAM_SIZE, RW } from './rig.ts';

/** Where no RAM is: on a board, a device's registers. */
const MMIO = 0x900_0000;
const PAGE = 4096;

/** What an emulated device's access comes to: the codes of SMMU_CBn_FSR (IHI 0062D 16.5.9), the events of IHI 0070 7.3. */
const NOT_MAPPED: FaultNames = { SMMUv2: 'TF', SMMUv3: 'F_TRANSLATION' };
const NO_ACCESS_FLAG: FaultNames = { SMMUv2: 'AFF', SMMUv3: 'F_ACCESS' };
const READ_ONLY: FaultNames = { SMMUv2: 'PF', SMMUv3: 'F_PERMISSION' };
const NO_TABLE: FaultNames = { SMMUv2: 'EF', SMMUv3: 'F_WALK_EABT' };
const TOO_LARGE: FaultNames = { SMMUv2: 'ASF', SMMUv3: 'F_ADDR_SIZE' };

const pageText = (index: number, physical: number, rights = 'rw'): string =>
  `${(IOVA + PAGE * index).toString(16)}+1000 -> ${physical.toString(16)} ${rights}`;

/** As type1 on x86: what the host keeps for its own messages can't be mapped. */
class HostWithReservedRange extends PlainHost {
  override map(iova: number, size: number, ramOffset: number, rights: number): string | undefined {
    if (iova < 0xfef0_0000 && iova + size > 0xfee0_0000) return 'the host keeps 0xfee00000-0xfeefffff';
    return super.map(iova, size, ramOffset, rights);
  }
}

describe.each(SMMU_NAMES)('behind the %s, a guest', (smmu) => {
  const make = <Host extends HostMappings>(host: Host, mostLooks?: number) => SMMUS[smmu](host, mostLooks);
  const makePlain = () => make(new PlainHost());

  test('that maps its own tables gives a device what it writes there, and no more once that is seen', () => {
    const guest = makePlain();
    guest.double(L2 + 8, BigInt(RAM) | (PAGE_RW ^ 2n));
    guest.barrier();
    // The real device maps a page for itself by its window to all RAM of 2 MiB; the tables are in the second half of the 4 MiB.
    guest.double(L3, BigInt(L3) | PAGE_RW);
    guest.barrier();
    guest.silently(L3 + 8, BigInt(RAM + 0x7000) | PAGE_RW);
    guest.lookAgain();
    expect(guest.host.list).toContain(pageText(1, RAM + 0x7000));
    expect(guest.write(IOVA + PAGE)).toBe(true);
    // The emulated one takes its own table entry away with its last word: the page of the third table is page 0 of the window.
    for (const half of [0, 4]) expect(guest.write(IOVA + 8 + half)).toBe(true);
    expect([guest.write(IOVA + PAGE), guest.fault()]).toEqual([false, NOT_MAPPED[smmu]]);
    guest.lookAgain();
    expect(guest.host.list).not.toContain(pageText(1, RAM + 0x7000));
    expect(guest.warnings).toEqual([]);
  });

  test('whose tables lead to themselves, valid as pages: the device is stopped where the host’s limit is passed', () => {
    const guest = make(new PlainHost(1000));
    for (let i = 0; i < 512; i++) guest.double(L1 + 8 * i, BigInt(L1) | PAGE_RW);
    guest.barrier();
    expect([guest.stops, guest.host.list]).toEqual([1, []]);
    expect(guest.warnings).toHaveLength(1);
    expect(guest.warnings[0]).toMatch(/more than 1000 pieces/);
    // For the emulated device the third level is a page, and has no fault.
    expect([guest.write(IOVA), guest.fault()]).toEqual([true, undefined]);
  });

  test('whose tables lead to themselves, and are no page: work has a bound', () => {
    const guest = make(new PlainHost(), 5000);
    for (let i = 0; i < 512; i++) guest.double(L1 + 8 * i, BigInt(L1) | TABLE);
    guest.barrier();
    expect([guest.stops, guest.host.list]).toEqual([1, []]);
    expect(guest.warnings.join()).toMatch(/more than 5000 descriptors/);
    expect([guest.write(IOVA), guest.fault()]).toEqual([false, NO_ACCESS_FLAG[smmu]]);
  });

  test('that maps 65,536 pages: told once, with the remedy, and the device masters the bus no more', () => {
    const guest = makePlain();
    for (let i = 0; i < 512; i++) guest.double(L3 + 8 * i, BigInt(RAM + PAGE * i) | PAGE_RW);
    // 127 tables of 512 pages, and one of 511: as much as the host takes.
    const last = L3 + 0x1000;
    for (let i = 0; i < 511; i++) guest.double(last + 8 * i, BigInt(RAM + PAGE * i) | PAGE_RO);
    for (let i = 0; i < 127; i++) guest.double(L2 + 8 * i, BigInt(L3) | TABLE);
    guest.double(L2 + 8 * 127, BigInt(last) | TABLE);
    guest.barrier();
    expect([guest.host.mapped.size, guest.stops, guest.warnings]).toEqual([65_535, 0, []]);

    guest.double(last + 8 * 511, BigInt(RAM) | PAGE_RW);
    guest.barrier();
    expect([guest.host.mapped.size, guest.stops]).toEqual([0, 1]);
    expect(guest.warnings).toHaveLength(1);
    expect(guest.warnings[0]).toMatch(/^the DMA of device is stopped: .*65535.*dma_entry_limit/);

    for (let i = 0; i < 300; i++) {
      guest.double(L3 + 8 * i, 0n);
      guest.double(last + 8 * i, BigInt(RAM) | PAGE_RW);
      guest.invalidate();
    }
    guest.setEnabled(false);
    expect([guest.host.mapped.size, guest.stops, guest.warnings.length]).toEqual([0, 1, 1]);
    guest.setEnabled(true);
    // The SMMU itself has no such limit: an emulated device goes on.
    expect([guest.write(IOVA + 127 * 2 ** 21 + 511 * PAGE), guest.fault()]).toEqual([true, undefined]);
    expect([guest.write(IOVA), guest.fault()]).toEqual([false, NOT_MAPPED[smmu]]);
  });

  test.each([
    ['at a device’s registers', MMIO],
    ['behind RAM', RAM + RAM_SIZE],
    ['before RAM', RAM - PAGE],
    ['at the end of the address space', 0xff_ffff_f000],
  ])('whose tables are %s: there are none, and a walk is an external abort', (_where, table) => {
    for (const lead of [
      (guest: ReturnType<typeof makePlain>) => guest.setTable(table),
      (guest: ReturnType<typeof makePlain>) => guest.double(L1 + 8 * (IOVA >>> 30), BigInt(table) | TABLE),
      (guest: ReturnType<typeof makePlain>) => guest.double(L2, BigInt(table) | TABLE),
    ]) {
      const guest = makePlain();
      guest.double(L3, BigInt(RAM) | PAGE_RW);
      guest.barrier();
      expect(guest.host.list).toEqual([pageText(0, RAM)]);
      lead(guest);
      guest.invalidate();
      expect([guest.host.list, guest.stops, guest.warnings]).toEqual([[], 0, []]);
      expect([guest.write(IOVA), guest.fault()]).toEqual([false, NO_TABLE[smmu]]);
    }
  });

  test('that maps a device’s registers, or what is beyond the bus, maps nothing for a real device', () => {
    const guest = makePlain();
    guest.double(L3, BigInt(MMIO) | PAGE_RW);
    guest.double(L3 + 8, (1n << 40n) | PAGE_RW);
    guest.barrier();
    expect([guest.host.list, guest.warnings]).toEqual([[], []]);
    expect([guest.write(IOVA + PAGE), guest.fault()]).toEqual([false, TOO_LARGE[smmu]]);
  });

  test('that maps addresses which the host keeps: told once, and the device masters the bus no more', () => {
    const guest = make(new HostWithReservedRange());
    guest.double(L3, BigInt(RAM) | PAGE_RW);
    guest.barrier();
    guest.double(L1 + 8 * 3, BigInt(L2 + 0x3000) | TABLE);
    guest.double(L2 + 0x3000 + 8 * ((0xfee0_0000 >>> 21) & 511), BigInt(RAM) | (PAGE_RW ^ 2n));
    guest.barrier();
    expect([guest.stops, guest.host.list]).toEqual([1, []]);
    for (let i = 0; i < 10; i++) {
      guest.double(L3 + 8 * i, BigInt(RAM) | PAGE_RW);
      guest.invalidate();
    }
    expect([guest.stops, guest.host.list]).toEqual([1, []]);
    expect(guest.warnings).toEqual(['the DMA of device is stopped: the host keeps 0xfee00000-0xfeefffff']);
    // The SMMU knows of no such range.
    expect([guest.write(0xfee0_0000), guest.fault()]).toEqual([true, undefined]);
  });

  test('that switches the SMMU off with DMA in flight: nothing of the translation is left when all of RAM is there', () => {
    const guest = makePlain();
    for (let i = 0; i < 3; i++) guest.double(L3 + 8 * i, BigInt(RAM + PAGE * i) | PAGE_RW);
    guest.barrier();
    guest.host.calls.length = 0;
    guest.setEnabled(false);
    const all = mappingText(RAM, RAM_SIZE, RAM, RW);
    expect(guest.host.calls).toEqual(['unmap all', `map ${all}`]);
    expect([guest.write(IOVA), guest.write(RAM), guest.fault()]).toEqual([false, true, undefined]);
    // Tables that are changed meanwhile count when it is on again.
    guest.double(L3, 0n);
    guest.setEnabled(true);
    expect(guest.host.list).toEqual([pageText(1, RAM + PAGE), pageText(2, RAM + 2 * PAGE)]);
    expect([guest.write(RAM), guest.fault()]).toEqual([false, NOT_MAPPED[smmu]]);
  });

  test('whose device goes on at an address that was just unmapped, or may not be written any more', () => {
    const guest = makePlain();
    for (let i = 0; i < 2; i++) guest.double(L3 + 8 * i, BigInt(RAM + PAGE * i) | PAGE_RW);
    guest.barrier();
    expect([guest.write(IOVA), guest.write(IOVA + PAGE)]).toEqual([true, true]);
    guest.double(L3, 0n);
    guest.double(L3 + 8, BigInt(RAM + PAGE) | PAGE_RO);
    guest.invalidate();
    expect(guest.host.list).toEqual([pageText(1, RAM + PAGE, 'r-')]);
    expect([guest.write(IOVA), guest.fault()]).toEqual([false, NOT_MAPPED[smmu]]);
    expect([guest.write(IOVA + PAGE), guest.fault()]).toEqual([false, READ_ONLY[smmu]]);
  });
});
