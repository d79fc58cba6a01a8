import { describe, expect, it } from 'vitest';
import { DmaRight } from '../../src/ports/host-mappings.ts';
import type { PassthroughEndpoint } from '../../src/vfio/passthrough-endpoint.ts';
import * as abi from '../../src/vfio/vfio-abi.ts';
import type { FakeDeviceModel } from './fake-binding.ts';
import { cardConfig } from './fake-config.ts';
import { A, B, command, fakeMachine, Rig } from './passthrough-rig.ts';

const MEMORY = 2;
const RW = DmaRight.Read | DmaRight.Write;

/** BAR 1 has the MSI-X table of 5 vectors at 0, and the pending bits at 0x2000. */
function card(overrides: Partial<FakeDeviceModel> = {}): FakeDeviceModel {
  return {
    config: cardConfig().bytes,
    bars: [new Uint8Array(0x20000), new Uint8Array(0x4000), undefined, new Uint8Array(32)],
    mappable: { 0: [{ offset: 0, size: 0x20000 }], 1: [{ offset: 0, size: 0x4000 }] },
    irqs: [1, 4, 5, 1, 1],
    ...overrides,
  };
}

const pagesOf = (endpoint: PassthroughEndpoint, bar: number): string[] =>
  endpoint.barPages(bar).map(({ memory, offset, size }) => `${memory.name}: ${offset}+${size}`);

/** A device behind an emulated SMMU; what others may reach of it is noted between the calls of the kernel. */
async function plugged(model = card()) {
  const rig = new Rig({ [A]: model });
  const { calls } = rig.binding;
  const machine = fakeMachine({
    behindIommu: true,
    barsChanged: () => calls.push(endpoint.barPages(0).length > 0 ? 'there' : 'gone'),
  });
  const { endpoint } = await rig.plugged(A, machine);
  /** Calls that change what the device answers, and when others were let in or kept out. */
  const steps = () => calls.filter((call) => /^(there|gone|config|deviceReset)/.test(call));
  return { rig, endpoint, steps };
}

describe('what other devices may reach of a real one', () => {
  it('are the whole pages of its BARs that the kernel maps, without the MSI-X table and pending bits', async () => {
    const { endpoint } = await plugged();
    command(endpoint, MEMORY);
    expect(pagesOf(endpoint, 0)).toEqual([`BAR 0 of ${A}: 0+${0x20000}`]);
    expect(pagesOf(endpoint, 1)).toEqual([
      `BAR 1 of ${A}: ${0x1000}+${0x1000}`,
      `BAR 1 of ${A}: ${0x3000}+${0x1000}`,
    ]);
    expect(pagesOf(endpoint, 2)).toEqual([]);
    expect(pagesOf(endpoint, 3)).toEqual([]);
  });

  it('are not what the kernel leaves out of a BAR, nor a BAR of less than a page', async () => {
    const sparse = [
      { offset: 0, size: 0x2000 },
      { offset: 0x5000, size: 0x1000 },
    ];
    const { endpoint } = await plugged(card({ mappable: { 0: sparse } }));
    command(endpoint, MEMORY);
    expect(pagesOf(endpoint, 0)).toEqual([
      `BAR 0 of ${A}: 0+${0x2000}`,
      `BAR 0 of ${A}: ${0x5000}+${0x1000}`,
    ]);
    expect(pagesOf(endpoint, 1)).toEqual([]);
    const small = card({ bars: [new Uint8Array(0x100)], mappable: { 0: [{ offset: 0, size: 0x100 }] } });
    small.config.set([0, 0, 0, 0], 0x14);
    const other = await plugged({ ...small, bars: [new Uint8Array(0x100), new Uint8Array(0x4000)] });
    command(other.endpoint, MEMORY);
    expect(pagesOf(other.endpoint, 0)).toEqual([]);
  });

  it('is nothing while memory decoding is off, with I/O decoding, too', async () => {
    const { endpoint, steps } = await plugged();
    expect(pagesOf(endpoint, 0)).toEqual([]);
    command(endpoint, 1);
    expect(pagesOf(endpoint, 0)).toEqual([]);
    expect(steps()).toEqual(['config[0x4]=0x1']);
  });

  it('is there when the device answers, and gone before it does not: decoding on and off', async () => {
    const { endpoint, steps } = await plugged();
    command(endpoint, MEMORY);
    command(endpoint, MEMORY | 0x400);
    command(endpoint, 0x400);
    expect(steps()).toEqual(['config[0x4]=0x2', 'there', 'config[0x4]=0x402', 'gone', 'config[0x4]=0x400']);
  });

  it('is gone before the device sleeps, and there when it is awake and decodes', async () => {
    const { endpoint, steps } = await plugged();
    command(endpoint, MEMORY);
    endpoint.configChanged({ kind: 'power', state: 3 });
    expect(steps().slice(2)).toEqual([
      'gone',
      expect.stringMatching(/^config\[0xcc\]=.*3$/),
      'config[0x4]=0x2',
    ]);
    endpoint.configChanged({ kind: 'power', state: 0 });
    expect(steps().slice(5)).toEqual([expect.stringMatching(/^config\[0xcc\]=/), 'config[0x4]=0x2', 'there']);
  });

  it.each([
    ['reset', async ({ endpoint }) => endpoint.reset()],
    ['closed', ({ endpoint }) => endpoint.close()],
    [
      'wanted by the host',
      async ({ rig, endpoint }) => {
        rig.binding.signal(abi.PCI_REQ_IRQ_INDEX);
        endpoint.service();
      },
    ],
    [
      'found broken',
      async ({ rig, endpoint }) => {
        rig.binding.signal(abi.PCI_ERR_IRQ_INDEX);
        endpoint.service();
      },
    ],
  ] satisfies [string, (made: Awaited<ReturnType<typeof plugged>>) => Promise<void>][])(
    'is gone before the device is touched that is %s',
    async (_what, end) => {
      const made = await plugged();
      command(made.endpoint, MEMORY);
      await end(made);
      expect(made.steps().slice(2, 5)).toEqual(['gone', 'config[0x4]=0x0', 'deviceReset()']);
      expect(pagesOf(made.endpoint, 0)).toEqual([]);
    },
  );

  it('is nothing where the real command register could not be written', async () => {
    const { endpoint, rig } = await plugged();
    rig.binding.failing.set('pwrite', 'EIO');
    command(endpoint, MEMORY);
    expect(pagesOf(endpoint, 0)).toEqual([]);
  });

  it('is what a virtual function decodes by its physical function', async () => {
    const rig = new Rig({ [A]: card() }, { [A]: { driver: 'vfio-pci', group: 7, virtualFunction: true } });
    const { endpoint } = await rig.plugged(A, fakeMachine({ behindIommu: true }));
    command(endpoint, MEMORY);
    expect(endpoint.barPages(0).length).toBe(1);
  });

  it('is not different when its DMA is stopped', async () => {
    const { endpoint, steps } = await plugged();
    command(endpoint, MEMORY | 4);
    endpoint.hostDma?.stop();
    expect(steps()).toEqual(['config[0x4]=0x6', 'there', 'config[0x4]=0x2']);
    expect(endpoint.barPages(0).length).toBe(1);
  });
});

describe('a part of a BAR in the container of another device', () => {
  /** Two devices of two groups; the second one answers. */
  async function two() {
    const rig = new Rig({ [A]: card(), [B]: card() });
    const { host } = fakeMachine({ behindIommu: true });
    const [a, b] = [rig.endpoint(A), rig.endpoint(B)];
    await a.prepare(host);
    await b.prepare({ ...host, pendingWordsOffset: 1024 });
    command(b, MEMORY);
    rig.binding.calls.length = 0;
    return { rig, a, b, mappings: a.hostDma?.mappings };
  }

  it('is mapped with the rights, by its place in the mapping of the BAR', async () => {
    const { rig, b, mappings } = await two();
    const [, last] = b.barPages(1);
    expect(mappings?.mapBar?.(0x9000_0000, last, DmaRight.Read)).toBeUndefined();
    const [whole] = b.barPages(0);
    expect(mappings?.mapBar?.(0xa000_0000, { ...whole, offset: 0x3000, size: 0x2000 }, RW)).toBeUndefined();
    expect(mappings?.unmap(0x9000_0000, 0x1000)).toBeUndefined();
    expect(rig.binding.calls).toEqual([
      'mapDma(BAR 1+0x3000, 4096, 0x90000000, 1)',
      'mapDma(BAR 0+0x3000, 8192, 0xa0000000, 3)',
      'containerUnmapDma(0x90000000, 4096)',
    ]);
  });

  it.each([
    ['EFAULT', /does not let one device reach another's registers \(.*EFAULT.*\); .*in RAM/],
    ['EINVAL', /does not let one device reach another's registers/],
    ['ENOSPC', /dma_entry_limit/],
    ['ENODEV', /can't be mapped: .*ENODEV/],
  ])('is refused with %s, and why', async (code, reason) => {
    const { rig, b, mappings } = await two();
    rig.binding.failing.set('mapDma', code);
    expect(mappings?.mapBar?.(0x9000_0000, b.barPages(0)[0], RW)).toMatch(reason);
  });

  it('is refused where the host keeps the address for itself, as RAM is', async () => {
    const { rig, b, mappings } = await two();
    rig.binding.failing.set('mapDma', 'EINVAL');
    expect(mappings?.mapBar?.(2 ** 48, b.barPages(0)[0], RW)).toMatch(/keeps for itself or does not have/);
  });

  it('is none of a BAR that is not of a device of VFIO', async () => {
    const { rig, mappings } = await two();
    const memory = { name: 'BAR 0 of something' };
    expect(mappings?.mapBar?.(0, { memory, offset: 0, size: 0x1000 }, RW)).toMatch(/no BAR of a device/);
    expect(rig.binding.calls).toEqual([]);
  });

  it('is not touched any more when the container is gone', async () => {
    const { rig, a, b, mappings } = await two();
    await a.close();
    rig.binding.calls.length = 0;
    expect(mappings?.mapBar?.(0x9000_0000, b.barPages(0)[0], RW)).toBeUndefined();
    expect(rig.binding.calls).toEqual([]);
    await b.close();
    expect(rig.binding.leaks).toEqual([]);
  });
});
