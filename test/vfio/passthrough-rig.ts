import type { EndpointPort } from '../../src/pci/endpoint.ts';
import { type EndpointHost, hostPendingWordCount } from '../../src/pci/host-device.ts';
import type { AccessSize } from '../../src/ports/mmio.ts';
import { PassthroughEndpoint } from '../../src/vfio/passthrough-endpoint.ts';
import { VfioHost } from '../../src/vfio/vfio-host.ts';
import { FakeBinding, type FakeDeviceModel } from './fake-binding.ts';
import { type FakeDevice, FakeHost } from './fake-host.ts';

export const A = '0000:01:00.0';
export const B = '0000:02:00.0';

const RAM_SIZE = 0x20000;

/** What a test's machine saw. */
export interface FakeMachine {
  readonly host: EndpointHost;
  readonly warnings: string[];
  readonly lost: string[];
}

/** A machine's side of a host-attached endpoint: memory, words, and what it is told. */
export function fakeMachine(overrides: Partial<EndpointHost> = {}): FakeMachine {
  const warnings: string[] = [];
  const lost: string[] = [];
  return {
    warnings,
    lost,
    host: {
      memory: { buffer: new SharedArrayBuffer(0x10000 + RAM_SIZE) },
      ramOffset: 0x10000,
      ramBase: 0x40000000,
      ramSize: RAM_SIZE,
      mmioWindow: { base: 0x10000000, size: 0x2eff0000 },
      eventWordOffset: 0,
      sleepingWordOffset: 4,
      pendingWordsOffset: 64,
      pendingWordCount: hostPendingWordCount,
      wake() {},
      warn: (message) => warnings.push(message),
      deviceLost: (reason, message) => lost.push(`${reason}: ${message}`),
      ...overrides,
    },
  };
}

/** The bus's side of an endpoint: what it drives. */
export class FakePort implements EndpointPort {
  readonly clock = {
    nowNs: () => 0,
    createTimer: () => ({ arm() {}, cancel() {}, deadlineNs: 0 }),
    whenSettled() {},
  };
  readonly dma = { read: () => false, write: () => false };
  readonly msiEnabled = false;
  readonly messages: number[] = [];
  readonly levels: boolean[] = [];

  setIntx(level: boolean): void {
    this.levels.push(level);
  }

  signalMsi(vector: number): boolean {
    this.messages.push(vector);
    return true;
  }
}

/** A host with devices, VFIO in memory, and endpoints on them. */
export class Rig {
  readonly fakeHost: FakeHost;
  readonly binding: FakeBinding;
  readonly vfio: VfioHost;

  constructor(
    models: Readonly<Record<string, FakeDeviceModel>>,
    facts: Readonly<Record<string, FakeDevice>> = {},
  ) {
    const devices: Record<string, FakeDevice> = {};
    for (const [i, address] of Object.keys(models).entries())
      devices[address] = { driver: 'vfio-pci', group: 7 + i, ...facts[address] };
    for (const [address, device] of Object.entries(facts)) devices[address] ??= device;
    this.fakeHost = new FakeHost(devices);
    this.binding = new FakeBinding(models);
    this.vfio = new VfioHost(this.fakeHost.facts, () => this.binding);
  }

  endpoint(address: string): PassthroughEndpoint {
    return new PassthroughEndpoint(address, this.vfio);
  }

  /** An endpoint that was prepared and put on a bus; the record of calls starts after that. */
  async plugged(
    address = A,
    machine = fakeMachine(),
  ): Promise<{ endpoint: PassthroughEndpoint; port: FakePort; machine: FakeMachine }> {
    const endpoint = this.endpoint(address);
    await endpoint.prepare(machine.host);
    const port = new FakePort();
    endpoint.attach(port);
    this.binding.calls.length = 0;
    this.binding.accesses.length = 0;
    return { endpoint, port, machine };
  }
}

/** The guest's write to the command register, as the bus reports it. */
export function command(endpoint: PassthroughEndpoint, bits: number): void {
  endpoint.configChanged({
    kind: 'command',
    io: (bits & 1) !== 0,
    memory: (bits & 2) !== 0,
    busMaster: (bits & 4) !== 0,
    intxDisabled: (bits & 0x400) !== 0,
  });
}

/** Reads each width once. */
export function readAll(endpoint: PassthroughEndpoint, bar: number, offset: number): (number | bigint)[] {
  const sizes: AccessSize[] = [1, 2, 4];
  return [...sizes.map((size) => endpoint.readBar(bar, offset, size)), endpoint.readBar64(bar, offset)];
}
