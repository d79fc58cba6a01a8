import { describe, expect, it } from 'vitest';
import type { FakeDeviceModel } from './fake-binding.ts';
import { cardConfig } from './fake-config.ts';
import { A, fakeMachine, Rig } from './passthrough-rig.ts';

let rig: Rig;

const INTX = 0;
const MSI = 1;
const MSIX = 2;

function card(changes: Partial<FakeDeviceModel> = {}): FakeDeviceModel {
  return {
    config: cardConfig().bytes,
    bars: [new Uint8Array(0x20000), new Uint8Array(0x4000), undefined, new Uint8Array(32)],
    irqs: [1, 4, 5, 1, 1],
    ...changes,
  };
}

/** A card whose MSI-X table has that many vectors. */
function manyVectors(vectors: number, changes: Partial<FakeDeviceModel> = {}): FakeDeviceModel {
  const config = cardConfig()
    .set(0xa2, 2, vectors - 1)
    .set(0xa8, 4, 0x00010001);
  return card({
    config: config.bytes,
    bars: [new Uint8Array(0x20000), new Uint8Array(0x20000), undefined, new Uint8Array(32)],
    irqs: [1, 4, vectors, 1, 1],
    ...changes,
  });
}

const irqCalls = () => rig.binding.calls.filter((call) => call.startsWith('deviceSetIrqs'));

describe('pin interrupts', () => {
  it('are connected when the device is put on the bus', async () => {
    rig = new Rig({ [A]: card() });
    await rig.plugged();
    expect(rig.binding.connected.has('0:0')).toBe(true);
  });

  it('raise the pin, and fall with the end of interrupt, which unmasks the device on the host', async () => {
    rig = new Rig({ [A]: card() });
    const { endpoint, port } = await rig.plugged();
    rig.binding.signal(INTX);
    endpoint.service();
    expect(port.levels).toEqual([true]);
    expect(irqCalls()).toEqual([]);
    endpoint.configChanged({ kind: 'intx-eoi' });
    expect(port.levels).toEqual([true, false]);
    expect(irqCalls()).toEqual(['deviceSetIrqs(0, 0, 1, unmask)']);
  });

  it('come again when the device still asserts them after the end of interrupt', async () => {
    rig = new Rig({ [A]: card() });
    const { endpoint, port } = await rig.plugged();
    rig.binding.signal(INTX);
    endpoint.service();
    endpoint.configChanged({ kind: 'intx-eoi' });
    rig.binding.signal(INTX);
    endpoint.service();
    expect(port.levels).toEqual([true, false, true]);
  });

  it('are delivered once for each report', async () => {
    rig = new Rig({ [A]: card() });
    const { endpoint, port } = await rig.plugged();
    rig.binding.signal(INTX);
    endpoint.service();
    endpoint.service();
    expect(port.levels).toEqual([true]);
  });

  it('are left alone on a device without a pin', async () => {
    rig = new Rig({ [A]: card({ irqs: [0, 4, 5, 1, 1] }) });
    const { endpoint } = await rig.plugged();
    expect(rig.binding.connected.has('0:0')).toBe(false);
    expect(endpoint.description.interruptPin).toBe(0);
    endpoint.configChanged({ kind: 'intx-eoi' });
    expect(irqCalls()).toEqual([]);
  });

  it('go off the bus with the device', async () => {
    rig = new Rig({ [A]: card() });
    const { endpoint, port } = await rig.plugged();
    rig.binding.signal(INTX);
    endpoint.detach();
    endpoint.service();
    expect(port.levels).toEqual([]);
    expect(rig.binding.connected.has('0:0')).toBe(false);
  });
});

describe('MSI', () => {
  it('replaces pin interrupts: one kind at a time', async () => {
    rig = new Rig({ [A]: card() });
    const { endpoint, port } = await rig.plugged();
    rig.binding.signal(INTX);
    endpoint.configChanged({ kind: 'msi', enabled: true, vectors: 4 });
    expect(irqCalls()).toEqual(['deviceSetIrqs(0, 0, 0, off)', 'deviceSetIrqs(1, 0, 4, EEEE)']);
    endpoint.service();
    expect(port.levels).toEqual([false]);
  });

  it('signals the vector that the device raised', async () => {
    rig = new Rig({ [A]: card() });
    const { endpoint, port } = await rig.plugged();
    endpoint.configChanged({ kind: 'msi', enabled: true, vectors: 4 });
    rig.binding.signal(MSI, 3);
    rig.binding.signal(MSI, 0);
    endpoint.service();
    expect(port.messages).toEqual([0, 3]);
    endpoint.service();
    expect(port.messages).toEqual([0, 3]);
  });

  it('is enabled anew when the guest changes the number of vectors', async () => {
    rig = new Rig({ [A]: card() });
    const { endpoint } = await rig.plugged();
    endpoint.configChanged({ kind: 'msi', enabled: true, vectors: 1 });
    rig.binding.calls.length = 0;
    endpoint.configChanged({ kind: 'msi', enabled: true, vectors: 2 });
    expect(irqCalls()).toEqual(['deviceSetIrqs(1, 0, 0, off)', 'deviceSetIrqs(1, 0, 2, EE)']);
  });

  it('gives way to pin interrupts when the guest disables it', async () => {
    rig = new Rig({ [A]: card() });
    const { endpoint } = await rig.plugged();
    endpoint.configChanged({ kind: 'msi', enabled: true, vectors: 1 });
    rig.binding.calls.length = 0;
    endpoint.configChanged({ kind: 'msi', enabled: false, vectors: 1 });
    expect(irqCalls()).toEqual(['deviceSetIrqs(1, 0, 0, off)', 'deviceSetIrqs(0, 0, 1, E)']);
  });

  it('that the kernel refuses is a warning', async () => {
    rig = new Rig({ [A]: card() });
    const { endpoint, machine } = await rig.plugged();
    rig.binding.failing.set('deviceSetIrqs(1, 0, 4, EEEE)', 'ENOSPC');
    endpoint.configChanged({ kind: 'msi', enabled: true, vectors: 4 });
    expect(machine.warnings[0]).toContain('0 of 4 MSI vectors');
    endpoint.configChanged({ kind: 'msi', enabled: false, vectors: 4 });
  });
});

describe('MSI-X', () => {
  const on = { kind: 'msix', enabled: true, functionMasked: false } as const;
  const off = { kind: 'msix', enabled: false, functionMasked: false } as const;
  const unmask = (vector: number) => ({ kind: 'vector', vector, masked: false }) as const;

  it('connects all vectors of a small table at once, so that masked ones can become pending', async () => {
    rig = new Rig({ [A]: card() });
    const { endpoint, port } = await rig.plugged();
    endpoint.configChanged(on);
    expect(irqCalls()).toEqual(['deviceSetIrqs(0, 0, 0, off)', 'deviceSetIrqs(2, 0, 5, EEEEE)']);
    rig.binding.signal(MSIX, 4);
    endpoint.service();
    expect(port.messages).toEqual([4]);
  });

  it('is not switched again when the guest only masks the function or a vector', async () => {
    rig = new Rig({ [A]: card() });
    const { endpoint } = await rig.plugged();
    endpoint.configChanged(on);
    rig.binding.calls.length = 0;
    endpoint.configChanged({ ...on, functionMasked: true });
    endpoint.configChanged(unmask(2));
    endpoint.configChanged({ kind: 'vector', vector: 2, masked: true });
    expect(irqCalls()).toEqual([]);
  });

  it('takes all vectors of a large table first where the kernel can not add any later, and connects each at its first unmask', async () => {
    rig = new Rig({ [A]: manyVectors(100) });
    const { endpoint, port } = await rig.plugged();
    endpoint.configChanged(unmask(99));
    endpoint.configChanged(on);
    expect(irqCalls().slice(1)).toEqual([
      `deviceSetIrqs(2, 0, 100, ${'E'.repeat(64)}${'-'.repeat(36)})`,
      'deviceSetIrqs(2, 99, 1, E)',
    ]);
    rig.binding.calls.length = 0;
    endpoint.configChanged(unmask(70));
    endpoint.configChanged(unmask(70));
    endpoint.configChanged(unmask(3));
    expect(irqCalls()).toEqual(['deviceSetIrqs(2, 70, 1, E)']);
    for (const vector of [99, 70, 63, 0]) rig.binding.signal(MSIX, vector);
    endpoint.service();
    expect(port.messages).toEqual([0, 63, 70, 99]);
  });

  it('takes only the first vectors where the kernel can add others', async () => {
    rig = new Rig({ [A]: manyVectors(100, { noResize: false }) });
    const { endpoint } = await rig.plugged();
    endpoint.configChanged(on);
    endpoint.configChanged(unmask(80));
    expect(irqCalls().slice(1)).toEqual([
      `deviceSetIrqs(2, 0, 64, ${'E'.repeat(64)})`,
      'deviceSetIrqs(2, 80, 1, E)',
    ]);
  });

  it('makes do with the vectors that the host has', async () => {
    rig = new Rig({ [A]: manyVectors(100, { vectorLimit: 66 }) });
    const { endpoint, machine } = await rig.plugged();
    endpoint.configChanged(on);
    rig.binding.calls.length = 0;
    endpoint.configChanged(unmask(65));
    endpoint.configChanged(unmask(66));
    expect(machine.warnings[0]).toContain('66 of 100 MSI-X vectors');
    expect(irqCalls()).toEqual(['deviceSetIrqs(2, 65, 1, E)']);
  });

  it('that the kernel refuses is a warning, and nothing stays open for it', async () => {
    rig = new Rig({ [A]: card() });
    const { endpoint, machine } = await rig.plugged();
    rig.binding.failing.set('deviceSetIrqs(2, 0, 5, EEEEE)', 'ENOSPC');
    endpoint.configChanged(on);
    expect(machine.warnings[0]).toContain('0 of 5 MSI-X vectors');
    expect([...rig.binding.open_.values()].filter((name) => name.includes('vector'))).toEqual([]);
  });

  it('drops what was pending in the words when it is disabled', async () => {
    rig = new Rig({ [A]: card() });
    const { endpoint, port } = await rig.plugged();
    endpoint.configChanged(on);
    rig.binding.signal(MSIX, 1);
    endpoint.configChanged(off);
    endpoint.configChanged(on);
    endpoint.service();
    expect(port.messages).toEqual([]);
  });

  it('forgets the masks with a reset of the function', async () => {
    rig = new Rig({ [A]: manyVectors(100) });
    const { endpoint } = await rig.plugged();
    endpoint.configChanged(unmask(80));
    endpoint.reset();
    rig.binding.calls.length = 0;
    endpoint.configChanged(on);
    expect(irqCalls().filter((call) => call.includes('(2, 80,'))).toEqual([]);
  });

  it('uses the last of 2048 vectors with the words that a machine gives', async () => {
    rig = new Rig({ [A]: manyVectors(2048) });
    const machine = fakeMachine();
    const { endpoint, port } = await rig.plugged(A, machine);
    endpoint.configChanged(unmask(2047));
    endpoint.configChanged(on);
    rig.binding.signal(MSIX, 2047);
    endpoint.service();
    expect(port.messages).toEqual([2047]);
  });
});
