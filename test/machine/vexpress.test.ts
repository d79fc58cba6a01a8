import { afterEach, describe, expect, test } from 'vitest';
import { addressText } from '../../src/errors.ts';
import type { EngineMode } from '../../src/index.ts';
import { createMachine, edu, type Machine, type MachineOptions, OptionError } from '../../src/index.ts';
import * as a from '../arm/assembler.ts';
import { buildElf } from '../boot/elf-builder.ts';

interface BoardFacts {
  readonly machine: string;
  /** What the firmware's tests are run with: once plain, once behind an SMMU. */
  readonly properties: string;
  readonly ram: number;
  readonly sysreg: number;
  readonly uart: number;
  readonly distributor: number;
  /** An address without a device. */
  readonly nothing: number;
  readonly periphbase: number;
}

const BOARDS: readonly BoardFacts[] = [
  {
    machine: 'vexpress-a9',
    properties: '',
    ram: 0x6000_0000,
    sysreg: 0x1000_0000,
    uart: 0x1000_9000,
    distributor: 0x1e00_1000,
    nothing: 0x5f00_0000,
    periphbase: 0x1e00_0000,
  },
  {
    machine: 'vexpress-a15',
    properties: ',iommu=smmuv2',
    ram: 0x8000_0000,
    sysreg: 0x1c01_0000,
    uart: 0x1c09_0000,
    distributor: 0x2c00_1000,
    nothing: 0x2b00_0000,
    periphbase: 0x2c00_0000,
  },
];
const ENGINES: readonly EngineMode[] = ['interpreter', 'wasm', 'lockstep'];

const machines: Machine[] = [];
afterEach(async () => {
  for (const machine of machines.splice(0)) await machine.stop();
});

const store = (address: number, value: number): number[] => [
  ...a.mov32(8, address),
  ...a.mov32(9, value),
  a.str(9, 8),
];

async function running(
  board: BoardFacts,
  code: readonly number[],
  more: MachineOptions = {},
): Promise<Machine> {
  const entry = board.ram + 0x1_0000;
  const bytes = new Uint8Array(Uint32Array.from(code).buffer);
  const kernel = buildElf([{ physicalAddress: entry, bytes }], { entry });
  const machine = await createMachine({ machine: board.machine, memory: '16M', kernel, ...more });
  machines.push(machine);
  return machine;
}

/** The configuration bus' shutdown. */
const powerOff = (board: BoardFacts): number[] => store(board.sysreg + 0xa4, 0xc080_0000);

describe.each(BOARDS)('$machine', (board) => {
  test.each(ENGINES)(
    'by %s: CPU 0 starts CPU 1 by SYS_FLAGS and an SGI; CPU 1 switches off',
    async (engine) => {
      const other = board.ram + 0x1_0400;
      const code = [
        ...store(board.distributor, 1),
        ...store(board.sysreg + 0x34, 0xffff_ffff),
        ...store(board.sysreg + 0x30, other),
        a.DMB,
        // SGI 0 to CPU 1.
        ...store(board.distributor + 0xf00, 1 << 17),
        a.B_SELF,
      ];
      const padded = [...code, ...Array<number>(0x100 - code.length).fill(0)];
      // MPIDR's affinity and CBAR by the UART.
      const second = [
        a.mrc(0, 0, 0, 0, 5),
        ...a.mov32(8, board.uart),
        a.str(0, 8),
        a.mrc(1, 15, 4, 0, 0),
        0xe1a01c21, // LSR R1, R1, #24
        a.str(1, 8),
        ...powerOff(board),
        a.B_SELF,
      ];
      const machine = await running(board, [...padded, ...second], { smp: 2, engine });
      const sent: number[] = [];
      machine.serial.onData((bytes) => sent.push(...bytes));
      await machine.start();
      expect(await machine.exited).toEqual({ reason: 'poweroff', code: 0 });
      expect(sent).toEqual([1, board.periphbase >>> 24]);
    },
  );

  test('reads zero where nothing is, and tells the log', async () => {
    const log: string[] = [];
    const code = [
      ...store(board.nothing, 1),
      a.ldr(0, 8),
      a.addImm(0, 0, 0x41),
      ...a.mov32(8, board.uart),
      a.str(0, 8),
      ...powerOff(board),
      a.B_SELF,
    ];
    const machine = await running(board, code, {
      log: { guestError() {}, unimplemented: (message) => log.push(message) },
    });
    let text = '';
    machine.serial.onData((bytes) => {
      text += new TextDecoder().decode(bytes);
    });
    await machine.start();
    await machine.exited;
    expect(text).toBe('A');
    const where = addressText(board.nothing);
    expect(log).toEqual([`write to ${where}: no device there`, `read of ${where}: no device there`]);
  });

  test('the embedded firmware passes its tests, edu by MSI and INTx among them', async () => {
    const machine = await createMachine({
      machine: `${board.machine}${board.properties}`,
      append: 'selftest',
      clock: 'instructions',
      memory: '16M',
      pci: [edu({ dmaMask: 0xffff_ffff })],
    });
    machines.push(machine);
    let text = '';
    machine.serial.onData((bytes) => {
      text += new TextDecoder().decode(bytes);
    });
    await machine.start();
    expect((await machine.exited).reason).toBe('poweroff');
    expect(text).toMatch(/ 0 failed, \d+ skipped\s+SELFTEST PASS/);
    expect(text.match(/^\[ ok \] .*MSI/gm)?.length).toBeGreaterThan(0);
    expect(text.match(/^\[ ok \] .*INT[xA-D]/gm)?.length).toBeGreaterThan(0);
  });

  test('from flash, which is at address 0, too, all CPUs start', async () => {
    // Each writes its number from MPIDR; the second waits for the first one’s turn to be over, and switches off.
    const code = [
      a.mrc(0, 0, 0, 0, 5),
      0xe2000003, // AND R0, R0, #3
      ...a.mov32(8, board.uart),
      a.str(0, 8),
      a.cmpImm(0, 0),
      a.b(7, 7, a.EQ),
      ...powerOff(board),
      a.B_SELF,
    ];
    const bios = new Uint8Array(Uint32Array.from(code).buffer);
    const machine = await createMachine({ machine: board.machine, smp: 2, memory: '16M', bios });
    machines.push(machine);
    const sent: number[] = [];
    machine.serial.onData((bytes) => sent.push(...bytes));
    await machine.start();
    expect((await machine.exited).reason).toBe('poweroff');
    expect(sent).toEqual([0, 1]);
  });

  test('reboots by its configuration bus', async () => {
    const machine = await running(board, [...store(board.sysreg + 0xa4, 0xc090_0000), a.B_SELF]);
    await machine.start();
    expect(await machine.exited).toEqual({ reason: 'reset', code: 0 });
  });

  test('is saved while its second CPU waits in the pen, and starts it after that', async () => {
    const other = board.ram + 0x1_0400;
    const waits = [
      ...store(board.distributor, 1),
      ...a.mov32(8, board.uart),
      a.movw(9, 0x41),
      a.str(9, 8),
      // Until the test writes the word behind the code.
      ...a.mov32(10, board.ram + 0x1_0800),
      a.ldr(0, 10),
      0xe3500000, // CMP R0, #0
      0x0afffffc, // BEQ two back
      ...store(board.sysreg + 0x30, other),
      ...store(board.distributor + 0xf00, 1 << 17),
      a.B_SELF,
    ];
    const padded = [...waits, ...Array<number>(0x100 - waits.length).fill(0)];
    const options: MachineOptions = { smp: 2, clock: 'instructions' };
    const machine = await running(board, [...padded, ...powerOff(board), a.B_SELF], options);
    await machine.start();
    await machine.serial.expect(/A/);
    const snapshot = await machine.save();
    await machine.stop();
    const restored = await createMachine({ restore: snapshot });
    machines.push(restored);
    restored.memory.writeWord(board.ram + 0x1_0800, 1);
    await restored.start();
    expect((await restored.exited).reason).toBe('poweroff');
  });
});

describe('what a Versatile Express can’t have is refused', () => {
  test.each<[MachineOptions, string]>([
    [
      { machine: 'vexpress-a9', smp: 5 },
      "smp: vexpress-a9 can't have 5 CPUs / give it a whole number from 1 to 4",
    ],
    [
      { machine: 'vexpress-a9', memory: '2G' },
      'memory: 2 GiB is more than vexpress-a9 can have / its memory map has room for 1 GiB of RAM: --memory 1024M',
    ],
    [
      { machine: 'vexpress-a9', cpu: 'cortex-a15' },
      "unknown cpu 'cortex-a15'; did you mean 'cortex-a9'? / there is: cortex-a9",
    ],
    [
      { machine: 'vexpress-a15', cpu: 'cortex-a9' },
      "unknown cpu 'cortex-a9'; did you mean 'cortex-a15'? / there is: cortex-a15",
    ],
    [
      { machine: 'vexpress-a15,gic-version=3' },
      'machine: vexpress-a15 has no GIC of version 3 / leave gic-version out',
    ],
  ])('%j', async (options, message) => {
    const error = await createMachine(options).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(OptionError);
    const { message: what, remedy } = error as OptionError;
    expect(`${what} / ${remedy}`).toBe(message);
  });
});
