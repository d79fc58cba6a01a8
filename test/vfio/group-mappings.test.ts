import { describe, expect, test } from 'vitest';
import { DmaRight } from '../../src/ports/host-mappings.ts';
import { Container } from '../../src/vfio/container.ts';
import { GroupMappings } from '../../src/vfio/group-mappings.ts';
import { parseIommuInfo } from '../../src/vfio/info-chains.ts';
import { FakeBinding, iommuInfoBytes } from './fake-binding.ts';

const RW = DmaRight.Read | DmaRight.Write;

function make(unmapsAll = true) {
  const binding = new FakeBinding({});
  const container = Container.open(binding, '/dev/vfio/vfio');
  const info = parseIommuInfo(iommuInfoBytes([[0n, 0xfedf_ffffn]]));
  binding.calls.length = 0;
  return { binding, mappings: new GroupMappings(container, new Uint8Array(0x20000), info, unmapsAll) };
}

describe('pieces of guest RAM in the container of a group', () => {
  test.each([
    [RW, 3],
    [DmaRight.Read, 1],
    [DmaRight.Write, 2],
  ])('are mapped with the rights %i', (rights, flags) => {
    const { binding, mappings } = make();
    expect(mappings.map(0x1000, 0x2000, 0x4000, rights)).toBeUndefined();
    expect(binding.calls).toEqual([`containerMapDma(0x1000, ${0x2000}, ${flags})`]);
  });

  test('are taken away one by one, and all at once where the kernel can', () => {
    const { binding, mappings } = make();
    mappings.map(0x1000, 0x1000, 0, RW);
    expect(mappings.unmap(0x1000, 0x1000)).toBeUndefined();
    expect(mappings.unmapAll()).toBeUndefined();
    expect(binding.calls.slice(1)).toEqual(['containerUnmapDma(0x1000, 4096)', 'containerUnmapAll()']);
  });

  test('are taken away one after the other by an older kernel', () => {
    const { binding, mappings } = make(false);
    mappings.map(0x1000, 0x1000, 0, RW);
    mappings.map(0x8000, 0x2000, 0x2000, RW);
    mappings.unmap(0x1000, 0x1000);
    expect(mappings.unmapAll()).toBeUndefined();
    expect(binding.calls.slice(3)).toEqual(['containerUnmapDma(0x8000, 8192)']);
  });

  test.each([
    ['ENOSPC', /no more than 65535 mappings .*dma_entry_limit/],
    ['ENOMEM', /prlimit --memlock/],
    ['EINVAL', /maps 0xfee00000-0xfee00fff, .* \(it takes 0x0-0xfedfffff\)/],
    ['EIO', /0xfee00000-0xfee00fff can't be mapped: .*EIO/],
  ])('are refused with %s, and why', (code, reason) => {
    const { binding, mappings } = make();
    binding.failing.set('containerMapDma', code);
    expect(mappings.map(0xfee0_0000, 0x1000, 0, RW)).toMatch(reason);
  });

  test('that can’t be taken away are told of', () => {
    const { binding, mappings } = make();
    binding.failing.set('containerUnmapDma', 'EINVAL');
    expect(mappings.unmap(0, 0x1000)).toMatch(/can't be taken back/);
  });

  test('are not touched any more when the container is gone', () => {
    const { binding, mappings } = make();
    mappings.close();
    mappings.map(0x1000, 0x1000, 0, RW);
    mappings.unmap(0x1000, 0x1000);
    mappings.unmapAll();
    expect(binding.calls).toEqual([]);
  });
});
