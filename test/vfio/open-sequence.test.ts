import { describe, expect, it } from 'vitest';
import { PassthroughError } from '../../src/errors.ts';
import type { FakeDeviceModel } from './fake-binding.ts';
import { iommuInfoBytes } from './fake-binding.ts';
import { cardConfig } from './fake-config.ts';
import { A, B, fakeMachine, Rig } from './passthrough-rig.ts';

let rig: Rig;

function card(changes: Partial<FakeDeviceModel> = {}): FakeDeviceModel {
  return {
    config: cardConfig().bytes,
    bars: [new Uint8Array(0x20000), new Uint8Array(0x4000), undefined, new Uint8Array(32)],
    mappable: { 0: [{ offset: 0, size: 0x20000 }] },
    irqs: [1, 4, 5, 1, 1],
    ...changes,
  };
}

async function refusal(promise: Promise<unknown>): Promise<PassthroughError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(PassthroughError);
  return error as PassthroughError;
}

describe('taking a device', () => {
  it("follows the kernel's order: container, group, IOMMU, RAM, device, quiet, reset", async () => {
    rig = new Rig({ [A]: card() });
    await rig.endpoint(A).prepare(fakeMachine().host);
    const group = rig.fakeHost.path('dev/vfio/7');
    const calls = rig.binding.calls.slice(0, rig.binding.calls.indexOf('deviceReset()') + 1);
    expect(calls).toEqual([
      `open(${rig.fakeHost.path('dev/vfio/vfio')})`,
      'containerApiVersion()',
      'containerCheckExtension(3)',
      `open(${group})`,
      'groupStatus()',
      'groupSetContainer()',
      'containerSetIommu(3)',
      'containerIommuInfo()',
      'keepFromChildren(131072)',
      'containerMapDma(0x40000000, 131072, 3)',
      `groupDevice(${A})`,
      'deviceInfo()',
      'config[0x4]=0x0',
      'deviceReset()',
    ]);
  });

  it('maps guest RAM at its guest physical address, whole and once', async () => {
    rig = new Rig({ [A]: card() });
    await rig.endpoint(A).prepare(fakeMachine().host);
    expect(rig.binding.calls.filter((call) => call.startsWith('containerMapDma'))).toEqual([
      'containerMapDma(0x40000000, 131072, 3)',
    ]);
  });

  it('clears IO, MEM and MASTER before the reset and leaves the other bits of the command register', async () => {
    rig = new Rig({ [A]: card({ config: cardConfig().set(0x04, 2, 0x0547).bytes }) });
    await rig.endpoint(A).prepare(fakeMachine().host);
    expect(rig.binding.calls.indexOf('config[0x4]=0x540')).toBe(
      rig.binding.calls.indexOf('deviceReset()') - 1,
    );
  });

  it('connects error and removal requests at once', async () => {
    rig = new Rig({ [A]: card() });
    await rig.endpoint(A).prepare(fakeMachine().host);
    expect(rig.binding.connected.has('3:0')).toBe(true);
    expect(rig.binding.connected.has('4:0')).toBe(true);
  });

  it('does without an error interrupt on a device that has none', async () => {
    rig = new Rig({ [A]: card({ irqs: [1, 4, 5, 0, 1] }) });
    await rig.endpoint(A).prepare(fakeMachine().host);
    expect(rig.binding.connected.has('3:0')).toBe(false);
    expect(rig.binding.connected.has('4:0')).toBe(true);
  });

  it('shows only the MSI vectors that the host gives, and leaves MSI off', async () => {
    rig = new Rig({ [A]: card({ vectorLimit: 1 }) });
    const endpoint = rig.endpoint(A);
    await endpoint.prepare(fakeMachine().host);
    expect(endpoint.description.msi?.vectors).toBe(1);
    expect(rig.binding.calls.filter((call) => call.startsWith('deviceSetIrqs(1'))).toEqual([
      'deviceSetIrqs(1, 0, 4, ----)',
      'deviceSetIrqs(1, 0, 1, -)',
      'deviceSetIrqs(1, 0, 0, off)',
    ]);
  });

  it('has no description before it is open', () => {
    rig = new Rig({ [A]: card() });
    expect(() => rig.endpoint(A).description).toThrow(PassthroughError);
  });
});

describe('several devices', () => {
  it('of one group share group and container, with RAM pinned once', async () => {
    rig = new Rig({ [A]: card(), [B]: card() }, { [B]: { driver: 'vfio-pci', group: 7 } });
    const { host } = fakeMachine();
    const [a, b] = [rig.endpoint(A), rig.endpoint(B)];
    await a.prepare(host);
    await b.prepare({ ...host, pendingWordsOffset: 1024 });
    expect(rig.binding.calls.filter((call) => call.startsWith('containerMapDma'))).toHaveLength(1);
    await a.close();
    expect(rig.binding.leaks).toContain(rig.fakeHost.path('dev/vfio/7'));
    await b.close();
    expect(rig.binding.leaks).toEqual([]);
  });

  it('of two groups have a container each, and one interrupt thread for the machine', async () => {
    rig = new Rig({ [A]: card(), [B]: card() });
    const { host } = fakeMachine();
    const [a, b] = [rig.endpoint(A), rig.endpoint(B)];
    await a.prepare(host);
    await b.prepare({ ...host, pendingWordsOffset: 1024 });
    expect(rig.binding.calls.filter((call) => call.startsWith('containerSetIommu'))).toHaveLength(2);
    expect(rig.binding.pumps).toBe(1);
    await b.close();
    expect(rig.binding.pumps).toBe(1);
    await a.close();
    expect(rig.binding.pumps).toBe(0);
    expect(rig.binding.leaks).toEqual([]);
  });

  it('count their RAM together against the limit of locked memory', async () => {
    rig = new Rig({ [A]: card(), [B]: card() });
    rig.fakeHost.memlock(0x30000);
    const { host } = fakeMachine();
    await rig.endpoint(A).prepare(host);
    const error = await refusal(rig.endpoint(B).prepare({ ...host, pendingWordsOffset: 1024 }));
    expect(error.message).toContain('256 KiB (128 KiB of guest RAM, for 2 IOMMU containers)');
  });

  it('may not be the same device twice, and the first one goes on', async () => {
    rig = new Rig({ [A]: card() });
    const { host } = fakeMachine();
    const first = rig.endpoint(A);
    await first.prepare(host);
    const second = rig.endpoint(A);
    expect((await refusal(second.prepare(host))).message).toContain('given twice');
    await second.close();
    expect(rig.vfio.holdsDevice(A)).toBe(true);
    await first.close();
    expect(rig.vfio.holdsDevice(A)).toBe(false);
  });

  it('of one group may not go to two machines', async () => {
    rig = new Rig({ [A]: card(), [B]: card() }, { [B]: { driver: 'vfio-pci', group: 7 } });
    await rig.endpoint(A).prepare(fakeMachine().host);
    const error = await refusal(rig.endpoint(B).prepare(fakeMachine().host));
    expect(error.message).toContain('another machine');
  });
});

describe('a step that fails leaves nothing open or mapped, and says what it means', () => {
  const failures: [step: string, code: string, words: string][] = [
    ['containerSetIommu', 'EPERM', 'interrupts'],
    ['containerMapDma', 'ENOMEM', "can't pin"],
    ['groupSetContainer', 'EBUSY', 'in use'],
    ['groupDevice', 'ENODEV', "can't be opened"],
    ['deviceInfo', 'EIO', "can't be opened"],
    ['mapRegion', 'EINVAL', "can't be opened"],
    ['deviceSetIrqs(3, 0, 1, E)', 'EINVAL', "can't be opened"],
  ];
  it.each(failures)('%s with %s', async (step, code, words) => {
    rig = new Rig({ [A]: card() });
    rig.binding.failing.set(step, code);
    const { message, remedy } = await refusal(rig.endpoint(A).prepare(fakeMachine().host));
    expect(message).toContain(words);
    expect(remedy).toBeDefined();
    expect(rig.binding.leaks).toEqual([]);
    expect(rig.binding.pumps).toBe(0);
    rig.binding.failing.clear();
    const again = rig.endpoint(A);
    await again.prepare(fakeMachine().host);
    await again.close();
    expect(rig.binding.leaks).toEqual([]);
  });

  it('the group held by another process', async () => {
    rig = new Rig({ [A]: card() });
    const group = rig.fakeHost.path('dev/vfio/7');
    rig.binding.failing.set(`open(${group})`, 'EBUSY');
    const { message, remedy } = await refusal(rig.endpoint(A).prepare(fakeMachine().host));
    expect(message).toContain(`${group} is held by another process`);
    expect(remedy).toContain(`fuser -v ${group}`);
    expect(rig.binding.leaks).toEqual([]);
  });

  it('permission refused by more than the file mode', async () => {
    rig = new Rig({ [A]: card() });
    rig.binding.failing.set(`open(${rig.fakeHost.path('dev/vfio/7')})`, 'EPERM');
    expect((await refusal(rig.endpoint(A).prepare(fakeMachine().host))).message).toContain('No permission');
  });

  it('a group that the kernel does not find viable', async () => {
    rig = new Rig({ [A]: card() });
    rig.binding.viable = false;
    const { message } = await refusal(rig.endpoint(A).prepare(fakeMachine().host));
    expect(message).toContain(`group 7 is not viable`);
    expect(message).toContain(`${A} (driver vfio-pci)`);
    expect(rig.binding.leaks).toEqual([]);
  });

  it('interrupts that are not isolated: the unsafe override is named, never set', async () => {
    rig = new Rig({ [A]: card() });
    rig.binding.failing.set('containerSetIommu', 'EPERM');
    const { remedy } = await refusal(rig.endpoint(A).prepare(fakeMachine().host));
    expect(remedy).toContain('never sets allow_unsafe_interrupts');
  });

  it('RAM over a reserved range', async () => {
    rig = new Rig({ [A]: card() });
    rig.binding.iommuInfo = iommuInfoBytes([[0n, 0x4000_ffffn]]);
    expect((await refusal(rig.endpoint(A).prepare(fakeMachine().host))).message).toContain('0x0-0x4000ffff');
    expect(rig.binding.leaks).toEqual([]);
  });

  it('BARs that do not fit the window: nothing is opened at all', async () => {
    const resource = '0x00000000fe000000 0x00000000fe01ffff 0x0000000000040200\n';
    rig = new Rig({ [A]: card() }, { [A]: { driver: 'vfio-pci', group: 7, files: { resource } } });
    const { host } = fakeMachine({ mmioWindow: { base: 0x10000000, size: 0x10000 } });
    expect((await refusal(rig.endpoint(A).prepare(host))).message).toContain('BAR 0: 128 KiB');
    expect(rig.binding.calls).toEqual([]);
  });

  it('BARs that do not fit beside those of a device that the machine has already', async () => {
    const resource = '0x00000000fe000000 0x00000000fe01ffff 0x0000000000040200\n';
    const facts = (group: number) => ({ driver: 'vfio-pci', group, files: { resource } });
    rig = new Rig({ [A]: card(), [B]: card() }, { [A]: facts(7), [B]: facts(8) });
    const { host } = fakeMachine({ mmioWindow: { base: 0x10000000, size: 0x30000 } });
    const first = rig.endpoint(A);
    await first.prepare(host);
    const second = { ...host, pendingWordsOffset: 1024 };
    expect((await refusal(rig.endpoint(B).prepare(second))).message).toContain(`${A} (BAR 0: 128 KiB)`);
    await first.close();
    await rig.endpoint(B).prepare(second);
  });

  it.each([
    ['version', 'speaks version 1'],
    ['extension', 'no type 1'],
  ])('a VFIO driver with another %s', async (what, words) => {
    rig = new Rig({ [A]: card() });
    if (what === 'version') rig.binding.apiVersion = 1;
    else rig.binding.hasType1 = false;
    expect((await refusal(rig.endpoint(A).prepare(fakeMachine().host))).message).toContain(words);
    expect(rig.binding.leaks).toEqual([]);
  });
});

describe('giving a device back', () => {
  it('stops its DMA, then its interrupts, then resets it, and closes everything', async () => {
    rig = new Rig({ [A]: card() });
    const { endpoint } = await rig.plugged();
    await endpoint.close();
    const calls = rig.binding.calls.filter((call) => !call.startsWith('close(eventfd'));
    expect(calls).toEqual([
      'config[0x4]=0x0',
      'deviceSetIrqs(0, 0, 0, off)',
      'deviceReset()',
      `close(device ${A})`,
      `close(${rig.fakeHost.path('dev/vfio/7')})`,
      `close(${rig.fakeHost.path('dev/vfio/vfio')})`,
    ]);
    expect(rig.binding.leaks).toEqual([]);
    expect(rig.binding.pumps).toBe(0);
  });

  it('may be done twice, and before the device was ever taken', async () => {
    rig = new Rig({ [A]: card() });
    const { endpoint } = await rig.plugged();
    await endpoint.close();
    rig.binding.calls.length = 0;
    await endpoint.close();
    await rig.endpoint(A).close();
    expect(rig.binding.calls).toEqual([]);
  });

  it('goes through to the end when the device refuses everything', async () => {
    rig = new Rig({ [A]: card() });
    const { endpoint, machine } = await rig.plugged();
    for (const step of ['pread', 'pwrite', 'deviceSetIrqs', 'deviceReset'])
      rig.binding.failing.set(step, 'EIO');
    await endpoint.close();
    expect(rig.binding.leaks).toEqual([]);
    expect(machine.warnings.length).toBeGreaterThan(0);
  });
});

describe('a device without a reset of its own', () => {
  const scope = (groups: number[]) => groups.map((group, i) => ({ group, segment: 0, bus: 1 + i, devfn: 0 }));

  it('is reset with its bus when every group on it is ours', async () => {
    rig = new Rig({ [A]: card({ resettable: false, hotResetScope: scope([7]) }) });
    const machine = fakeMachine();
    await rig.endpoint(A).prepare(machine.host);
    expect(rig.binding.calls).toContain('devicePciHotReset(1)');
    expect(rig.binding.calls).not.toContain('deviceReset()');
    expect(machine.warnings).toEqual([]);
  });

  it('is not, when the bus has devices of other groups: they are named', async () => {
    rig = new Rig({ [A]: card({ resettable: false, hotResetScope: scope([7, 12]) }) });
    const machine = fakeMachine();
    await rig.endpoint(A).prepare(machine.host);
    expect(rig.binding.calls.some((call) => call.startsWith('devicePciHotReset('))).toBe(false);
    expect(machine.warnings[0]).toContain('also reset 0000:02:00.0');
  });

  it('is not, when another device on the bus is in use by the guest', async () => {
    rig = new Rig(
      { [A]: card({ resettable: false, hotResetScope: scope([7, 7]) }), [B]: card() },
      { [B]: { driver: 'vfio-pci', group: 7 } },
    );
    const { host, warnings } = fakeMachine();
    await rig.endpoint(B).prepare(host);
    await rig.endpoint(A).prepare({ ...host, pendingWordsOffset: 1024 });
    expect(rig.binding.calls.some((call) => call.startsWith('devicePciHotReset('))).toBe(false);
    expect(warnings[0]).toContain('in use by the guest');
  });
});
