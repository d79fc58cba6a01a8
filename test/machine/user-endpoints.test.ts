import { afterEach, describe, expect, test } from 'vitest';
import { createMachine, type EndpointPort, type Machine, type PciEndpoint } from '../../src/index.ts';
import * as a from '../arm/assembler.ts';
import { buildElf } from '../boot/elf-builder.ts';

const kernel = buildElf([
  { physicalAddress: 0x4001_0000, bytes: new Uint8Array(Uint32Array.of(a.B_SELF).buffer) },
]);

/** Remembers whether it is on a bus. */
class Plugged implements PciEndpoint {
  readonly name: string = 'plugged';
  readonly description = {
    vendorId: 0x1234,
    deviceId: 1,
    classCode: 0xff0000,
    bars: [],
    interruptPin: 1,
  } as const;
  port: EndpointPort | undefined;
  attach(port: EndpointPort): void {
    this.port = port;
  }
  detach(): void {
    this.port = undefined;
  }
  reset(): void {}
  readBar(): number {
    return 0;
  }
  writeBar(): void {}
}

class Clinging extends Plugged {
  override detach(): void {
    throw new Error('it does not let go');
  }
}

let machine: Machine | undefined;

async function make(...pci: PciEndpoint[]): Promise<Machine> {
  machine = await createMachine({ memory: '1M', kernel, pci });
  return machine;
}

afterEach(() => machine?.stop().catch(() => {}));

describe('an endpoint of the user', () => {
  test('is detached when its machine has ended, and can be plugged into the next one', async () => {
    const endpoint = new Plugged();
    for (const started of [true, false]) {
      const made = await make(endpoint);
      expect(endpoint.port).toBeDefined();
      if (started) await made.start();
      await made.stop();
      expect(endpoint.port).toBeUndefined();
    }
  });

  test('is still listed afterwards, as the guest has left it', async () => {
    const ended = await make(new Plugged());
    await ended.stop();
    expect(ended.pciDevices().map(({ name }) => name)).toContain('plugged');
  });

  test('that throws when it is detached fails the end of its machine; the others are detached all the same', async () => {
    const other = new Plugged();
    const broken = await make(new Clinging(), other);
    await broken.start();
    await expect(broken.stop()).rejects.toThrow('it does not let go');
    await expect(broken.exited).rejects.toThrow('it does not let go');
    expect(other.port).toBeUndefined();
  });
});
