import { expect, test } from 'vitest';
import { createMachine } from '../../src/index.ts';
import type { EndpointHost, HostAttachedEndpoint } from '../../src/pci/host-device.ts';
import * as a from '../arm/assembler.ts';
import { buildElf } from '../boot/elf-builder.ts';

const RAM = 0x4000_0000;
const PROGRAM = RAM + 0x1_0000;
const FUNCTION = PROGRAM + 0x100;
const CONFIGURATION = 0x3f00_0000 + (1 << 15);
const BAR = 0x1000_0000;
const SYSTEM_OFF = 0x8400_0008;
const bytes = (words: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from(words).buffer);

/** Stands for a device of the host: a read of its BAR makes it write over the guest's function, as DMA does it. */
class Rewriter implements HostAttachedEndpoint {
  readonly name = 'rewriter';
  readonly description = {
    vendorId: 0x1234,
    deviceId: 3,
    classCode: 0xff0000,
    bars: [{ index: 0, kind: 'memory32', size: 4096 }],
  } as const;
  private host: EndpointHost | undefined;

  async prepare(host: EndpointHost): Promise<void> {
    this.host = host;
  }
  service(): void {}
  async close(): Promise<void> {}
  attach(): void {}
  detach(): void {}
  reset(): void {}
  writeBar(): void {}
  readBar(): number {
    const { memory, ramOffset, ramBase } = this.host as EndpointHost;
    new DataView(memory.buffer).setUint32(ramOffset + FUNCTION - ramBase, a.movw(0, 2), true);
    return 0;
  }
}

test('code that a real device has written runs after ICIALLU', async () => {
  const call = (at: number): number => a.bl(at, (FUNCTION - PROGRAM) / 4);
  const start = [
    ...a.mov32(1, CONFIGURATION),
    ...a.mov32(2, BAR),
    a.str(2, 1, 0x10),
    a.movw(3, 2),
    a.str(3, 1, 4),
  ];
  const program = [
    ...start,
    call(start.length),
    a.movReg(4, 0),
    a.ldr(5, 2),
    a.mcr(0, 7, 0, 5, 0),
    call(start.length + 4),
    a.movReg(5, 0),
    ...a.mov32(0, SYSTEM_OFF),
    a.hvc(0),
  ];
  const kernel = buildElf(
    [
      { physicalAddress: PROGRAM, bytes: bytes(program) },
      { physicalAddress: FUNCTION, bytes: bytes([a.movw(0, 1), a.bx(14)]) },
    ],
    { entry: PROGRAM },
  );
  const machine = await createMachine({ memory: '1M', kernel, pci: [new Rewriter()], clock: 'instructions' });
  await machine.start();
  expect(await machine.exited).toMatchObject({ reason: 'poweroff' });
  expect(machine.cpus[0]?.registers.slice(4, 6)).toEqual([1, 2]);
}, 60_000);
