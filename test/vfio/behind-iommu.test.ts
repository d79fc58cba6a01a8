import { describe, expect, it } from 'vitest';
import { DmaRight } from '../../src/ports/host-mappings.ts';
import type { FakeDeviceModel } from './fake-binding.ts';
import { cardConfig } from './fake-config.ts';
import { A, B, command, fakeMachine, Rig } from './passthrough-rig.ts';

let rig: Rig;

const MEMORY = 2;
const BUS_MASTER = 4;

function card(): FakeDeviceModel {
  return {
    config: cardConfig().bytes,
    bars: [new Uint8Array(0x2000)],
    mappable: { 0: [{ offset: 0, size: 0x2000 }] },
    irqs: [1, 4, 5, 1, 1],
  };
}

/** A machine with an emulated SMMU, which notes what it is asked to do, and when. */
function machine() {
  const log: string[] = [];
  const made = fakeMachine({
    behindIommu: true,
    beforeAccess: () => void log.push('follow'),
    busMasterChanged: (on) => void log.push(`bus master ${on}, ${rig.binding.calls.at(-1)}`),
  });
  return { ...made, log };
}

const mapsOf = (): string[] => rig.binding.calls.filter((call) => call.startsWith('containerMapDma'));

describe('a real device behind an emulated SMMU', () => {
  it('has nothing mapped when it was taken; the machine maps pieces of RAM', async () => {
    rig = new Rig({ [A]: card() });
    const endpoint = rig.endpoint(A);
    await endpoint.prepare(machine().host);
    expect(mapsOf()).toEqual([]);
    endpoint.hostDma?.mappings.map(0x8000_0000, 0x1000, 0x3000, DmaRight.Read);
    expect(mapsOf()).toEqual(['containerMapDma(0x80000000, 4096, 1)']);
    expect(endpoint.hostDma?.mappings.limit).toBe(65535);
  });

  it('without one has all of RAM, and no pieces', async () => {
    rig = new Rig({ [A]: card() });
    const { endpoint } = await rig.plugged();
    expect(endpoint.hostDma).toBeUndefined();
  });

  it('has the same mappings as the other devices of its group, and others than those of another group', async () => {
    rig = new Rig({ [A]: card(), [B]: card() }, { [B]: { driver: 'vfio-pci', group: 7 } });
    const { host } = machine();
    const [a, b] = [rig.endpoint(A), rig.endpoint(B)];
    await a.prepare(host);
    await b.prepare({ ...host, pendingWordsOffset: 1024 });
    expect(a.hostDma?.mappings).toBe(b.hostDma?.mappings);
    rig = new Rig({ [A]: card(), [B]: card() });
    const [c, d] = [rig.endpoint(A), rig.endpoint(B)];
    await c.prepare(host);
    await d.prepare({ ...host, pendingWordsOffset: 1024 });
    expect(c.hostDma?.mappings).not.toBe(d.hostDma?.mappings);
  });

  it('asks for the tables to be followed before each access that the device sees', async () => {
    rig = new Rig({ [A]: card() });
    const { log, ...made } = machine();
    const { endpoint } = await rig.plugged(A, made);
    command(endpoint, MEMORY);
    for (const access of [
      () => endpoint.readBar(0, 0, 4),
      () => endpoint.writeBar(0, 0, 4, 1),
      () => endpoint.readBar64(0, 0),
      () => endpoint.writeBar64(0, 0, 1n),
      () => endpoint.readConfig(0x90, 4),
      () => endpoint.writeConfig(0x90, 4, 1),
    ]) {
      log.length = 0;
      access();
      expect(log).toEqual(['follow']);
    }
  });

  it('says that it masters the bus before it can, and that it does not when it can no more', async () => {
    rig = new Rig({ [A]: card() });
    const { log, ...made } = machine();
    const { endpoint } = await rig.plugged(A, made);
    command(endpoint, MEMORY | BUS_MASTER);
    command(endpoint, MEMORY);
    expect(log.filter((line) => line.startsWith('bus'))).toEqual([
      'bus master true, undefined',
      'bus master false, config[0x4]=0x2',
    ]);
  });

  it('never masters the bus again once it was stopped, until it is given back', async () => {
    rig = new Rig({ [A]: card() });
    const { endpoint } = await rig.plugged(A, machine());
    command(endpoint, MEMORY | BUS_MASTER);
    endpoint.hostDma?.stop();
    expect(rig.binding.calls.at(-1)).toBe('config[0x4]=0x2');
    endpoint.reset();
    command(endpoint, MEMORY | BUS_MASTER);
    expect(rig.binding.calls.at(-1)).toBe('config[0x4]=0x2');
    const { hostDma } = endpoint;
    await endpoint.close();
    expect(endpoint.hostDma).toBeUndefined();
    rig.binding.calls.length = 0;
    hostDma?.mappings.map(0, 0x1000, 0, DmaRight.Read);
    expect(rig.binding.calls).toEqual([]);
    expect(rig.binding.leaks).toEqual([]);
  });
});
