// Records what QEMU's own `edu` device and PCI host bridge answer to a list of accesses, over the qtest
// protocol. The result is committed as test/pci/edu-transcript.json and replayed by `npm test` against ours.
// Debian's QEMU has no qtest accelerator, so virtual time is the host's: a clock step sleeps a little longer.
//
//   node scripts/record-edu-transcript.mjs && npx biome check --write test/pci/edu-transcript.json
//
// Needs qemu-system-arm.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const ECAM = 0x3f000000;
const BAR0 = 0x10000000;
const RAM = 0x40000000;
const GICD = 0x08000000;
const V2M_DOORBELL = 0x08020040;
const EDU = 1 << 3;
const BRIDGE = 0;
/** First SPI of the MSI frame of the `virt` board. */
const MSI_SPI = 48;
const DMA_NS = 100_000_000;

/** One QEMU process spoken to over qtest. */
class Qtest {
  constructor(deviceOptions) {
    this.process = spawn(
      'qemu-system-arm',
      `-M virt,highmem=off -accel tcg -m 128 -nodefaults -display none -qtest stdio -device edu${deviceOptions}`.split(
        ' ',
      ),
      { stdio: ['pipe', 'pipe', 'ignore'] },
    );
    this.waiting = [];
    this.process.stdin.on('error', () => {});
    createInterface({ input: this.process.stdout }).on('line', (line) => this.waiting.shift()?.(line));
    this.exited = new Promise((resolve) => this.process.on('exit', () => resolve('EXIT')));
  }

  async command(text) {
    const answer = new Promise((resolve) => this.waiting.push(resolve));
    this.process.stdin.write(`${text}\n`);
    const line = await Promise.race([answer, this.exited]);
    if (line === 'EXIT') throw new Error('exited');
    if (!line.startsWith('OK')) throw new Error(`${text}: ${line}`);
    return line.slice(3);
  }

  async read(address, size) {
    return BigInt(await this.command(`read${' bw l   q'[size]} ${address}`));
  }

  write(address, size, value) {
    return this.command(`write${' bw l   q'[size]} ${address} ${value}`);
  }

  async close() {
    this.process.stdin.end();
    this.process.kill();
    await this.exited;
  }
}

const hex = (value) => `0x${BigInt(value).toString(16)}`;

/** Runs one step and returns it with the answer, where it has one. */
async function run(qtest, step) {
  const [op, a, b, c, d] = step;
  switch (op) {
    case 'config-write':
      await qtest.write(ECAM + a * 4096 + b, c, d);
      return step;
    case 'config-read':
      return [...step, hex(await qtest.read(ECAM + a * 4096 + b, c))];
    case 'bar-write':
      await qtest.write(BAR0 + a, b, c);
      return step;
    case 'bar-read':
      return [...step, hex(await qtest.read(BAR0 + a, b))];
    case 'memory-write':
      await qtest.command(`write ${a} ${b.length / 2} 0x${b}`);
      return step;
    case 'memory-read':
      return [...step, (await qtest.command(`read ${a} ${b}`)).slice(2)];
    case 'clock-step':
      await sleep(a < DMA_NS ? a / 1e6 : a / 1e6 + 80);
      return step;
    case 'wait-computed':
      // QEMU computes on a host thread: only the end of it is the same in every run.
      while ((await qtest.read(BAR0 + 0x20, 4)) & 1n) await sleep(2);
      await sleep(20);
      return step;
    case 'spi-pending':
      return [...step, Number(((await qtest.read(GICD + 0x204 + 4 * (a >> 5), 4)) >> BigInt(a & 31)) & 1n)];
    case 'spi-clear':
      await qtest.write(GICD + 0x284 + 4 * (a >> 5), 4, hex(1 << (a & 31)));
      return step;
    default:
      throw new Error(op);
  }
}

const configDump = (bdf) => [
  ...Array.from({ length: 20 }, (_, i) => ['config-read', bdf, i * 4, 4]),
  ['config-read', bdf, 0x100, 4],
  ['config-read', bdf, 0xffc, 4],
];
const configOnes = (bdf) =>
  Array.from({ length: 20 }, (_, i) => i * 4)
    .filter((offset) => offset !== 0x04)
    .flatMap((offset) => [
      ['config-write', bdf, offset, 4, '0xffffffff'],
      ['config-read', bdf, offset, 4],
      ['config-write', bdf, offset, 4, '0x0'],
      ['config-read', bdf, offset, 4],
    ]);
const enable = (command) => [
  ['config-write', EDU, 0x10, 4, hex(BAR0)],
  ['config-write', EDU, 0x04, 2, hex(command)],
];
const pattern = (length) => Buffer.from(Array.from({ length }, (_, i) => (i * 7 + 3) & 0xff)).toString('hex');
const dma = (source, destination, count, command) => [
  ['bar-write', 0x80, 4, hex(source)],
  ['bar-write', 0x88, 4, hex(destination)],
  ['bar-write', 0x90, 4, hex(count)],
  ['bar-write', 0x98, 4, hex(command)],
];
const done = ['clock-step', DMA_NS + 1];
const msi = [
  ['config-write', EDU, 0x44, 4, hex(V2M_DOORBELL)],
  ['config-write', EDU, 0x48, 4, '0x0'],
  ['config-write', EDU, 0x4c, 2, hex(32 + MSI_SPI)],
  ['config-write', EDU, 0x42, 2, '0x1'],
];
/** `edu` sits in slot 1, so its INTA is line 1: SPI 4. */
const INTX_SPI = 4;
const state = [
  ['bar-read', 0x20, 4],
  ['bar-read', 0x24, 4],
  ['bar-read', 0x98, 4],
  ['spi-pending', INTX_SPI],
  ['spi-pending', MSI_SPI],
];

const scenarios = [
  {
    name: 'configuration space of the host bridge',
    steps: [
      ...configDump(BRIDGE),
      ['config-read', 0x100, 0, 4],
      ['config-read', 1, 0, 4],
      ['config-read', EDU + 1, 0, 2],
    ],
  },
  {
    name: 'configuration space of edu',
    steps: [
      ...configDump(EDU),
      ...configOnes(EDU),
      ['config-write', EDU, 0x04, 2, '0xffff'],
      ['config-read', EDU, 0x04, 2],
      ['config-write', EDU, 0x04, 2, '0x0'],
      ['config-write', EDU, 0x11, 1, '0xff'],
      ['config-write', EDU, 0x12, 2, '0xabcd'],
      ['config-read', EDU, 0x10, 4],
      ['config-write', EDU, 0x10, 4, '0x0'],
      ...configDump(EDU),
    ],
  },
  {
    name: 'identification, liveness and registers that do not exist',
    steps: [
      ['bar-read', 0x00, 4],
      ...enable(2),
      ...[
        0x00, 0x04, 0x08, 0x0c, 0x20, 0x24, 0x60, 0x64, 0x80, 0x84, 0x88, 0x90, 0x98, 0x9c, 0x40000, 0xffffc,
      ].map((o) => ['bar-read', o, 4]),
      ...[0x00, 0x04, 0x78, 0x80, 0x88, 0x90, 0x98, 0x40000].map((o) => ['bar-read', o, 8]),
      ['bar-write', 0x04, 4, '0x12345678'],
      ['bar-read', 0x04, 4],
      ['bar-write', 0x04, 8, '0x1111111122222222'],
      ['bar-read', 0x04, 4],
      ['bar-write', 0x00, 4, '0x0'],
      ['bar-read', 0x00, 4],
      ['bar-write', 0x80, 8, '0x1234567890abcdef'],
      ['bar-read', 0x80, 8],
      ['bar-read', 0x80, 4],
      ['bar-write', 0x80, 4, '0x55555555'],
      ['bar-read', 0x80, 8],
      ['bar-write', 0x84, 4, '0x66666666'],
      ['bar-read', 0x80, 8],
    ],
  },
  {
    name: 'accesses of one and two bytes',
    steps: [
      ...enable(2),
      ...[0x00, 0x04, 0x80].flatMap((o) => [
        ['bar-read', o, 1],
        ['bar-read', o, 2],
      ]),
      ['bar-write', 0x04, 1, '0x12'],
      ['bar-write', 0x04, 2, '0x1234'],
      ['bar-write', 0x80, 2, '0x1234'],
      ['bar-read', 0x04, 4],
      ['bar-read', 0x80, 4],
    ],
  },
  {
    name: 'factorial without and with interrupt',
    steps: [
      ...enable(6),
      ...[5, 12, 13, 33, 34, 0, 1].flatMap((n) => [
        ['bar-write', 0x08, 4, hex(n)],
        ['wait-computed'],
        ['bar-read', 0x08, 4],
        ...state,
      ]),
      ['bar-write', 0x20, 4, '0xffffffff'],
      ['bar-read', 0x20, 4],
      ['bar-write', 0x08, 4, '0x6'],
      ['wait-computed'],
      ['bar-read', 0x08, 4],
      ...state,
      ['config-read', EDU, 0x06, 2],
      ['bar-write', 0x64, 4, '0x1'],
      ...state,
      ['config-read', EDU, 0x06, 2],
      ['bar-write', 0x20, 4, '0x0'],
      ['bar-read', 0x20, 4],
    ],
  },
  {
    name: 'interrupt raise and acknowledge on the pin',
    steps: [
      ...enable(6),
      ['bar-write', 0x60, 4, '0x0'],
      ...state,
      ['bar-write', 0x60, 4, '0x12345678'],
      ...state,
      ['bar-write', 0x60, 4, '0x80000001'],
      ...state,
      ['bar-write', 0x64, 4, '0xffff'],
      ...state,
      ['config-read', EDU, 0x06, 2],
      ['config-write', EDU, 0x04, 2, '0x406'],
      ...state,
      ['config-read', EDU, 0x06, 2],
      ['config-write', EDU, 0x04, 2, '0x6'],
      ...state,
      ['bar-write', 0x64, 4, '0xffffffff'],
      ...state,
      ['config-read', EDU, 0x06, 2],
    ],
  },
  {
    name: 'MSI, with and without bus master',
    steps: [
      ...enable(6),
      ...msi,
      ['config-read', EDU, 0x40, 4],
      ['bar-write', 0x60, 4, '0x10'],
      ...state,
      ['spi-clear', MSI_SPI],
      ['bar-write', 0x60, 4, '0x0'],
      ...state,
      ['spi-clear', MSI_SPI],
      ['bar-write', 0x64, 4, '0x10'],
      ...state,
      ['config-write', EDU, 0x04, 2, '0x2'],
      ['bar-write', 0x60, 4, '0x1'],
      ...state,
      ['config-write', EDU, 0x04, 2, '0x6'],
      ...state,
    ],
  },
  {
    name: 'DMA both ways',
    steps: [
      ...enable(6),
      ['memory-write', RAM + 0x1000, pattern(256)],
      ...dma(RAM + 0x1000, 0x40000, 256, 1),
      ...state,
      ['bar-write', 0x80, 4, '0x0'],
      ['bar-write', 0x90, 4, '0x0'],
      ['bar-write', 0x98, 4, '0x7'],
      ['bar-read', 0x80, 4],
      ['bar-read', 0x90, 4],
      ['bar-read', 0x98, 4],
      ['clock-step', DMA_NS / 4],
      ...state,
      done,
      ...state,
      ...dma(0x40000, RAM + 0x2003, 256, 3),
      done,
      ...state,
      ['memory-read', RAM + 0x2000, 264],
      ...dma(0x40010, RAM + 0x3000, 16, 7),
      done,
      ...state,
      ['memory-read', RAM + 0x3000, 16],
      ['bar-write', 0x64, 4, '0x100'],
      ...state,
      ['bar-write', 0x98, 4, '0x6'],
      ['bar-read', 0x98, 4],
      ['bar-write', 0x98, 4, '0xfffffffe'],
      ['bar-read', 0x98, 8],
      ...dma(RAM + 0x1000, 0x40ffb, 4, 1),
      done,
      ...state,
      ...dma(0x40ffb, RAM + 0x4000, 4, 3),
      done,
      ['memory-read', RAM + 0x4000, 8],
    ],
  },
  {
    name: 'DMA with MSI',
    steps: [
      ...enable(6),
      ...msi,
      ['memory-write', RAM + 0x1000, pattern(16)],
      ...dma(RAM + 0x1000, 0x40000, 16, 5),
      done,
      ...state,
      ['bar-write', 0x64, 4, '0x100'],
      ...state,
    ],
  },
  {
    name: 'DMA without bus master',
    steps: [
      ...enable(6),
      ['memory-write', RAM + 0x1000, pattern(16)],
      ...dma(RAM + 0x1000, 0x40000, 16, 1),
      done,
      ['config-write', EDU, 0x04, 2, '0x2'],
      ...dma(0x40000, RAM + 0x2000, 16, 7),
      done,
      ...state,
      ['config-read', EDU, 0x06, 2],
      ['memory-read', RAM + 0x2000, 16],
    ],
  },
  {
    name: 'an address beyond dma_mask wraps',
    options: ',dma_mask=0x4fffffff',
    dmaMask: 0x4fffffff,
    steps: [
      ...enable(6),
      ['memory-write', RAM + 0x1000, pattern(16)],
      ...dma(RAM + 0x10001000, 0x40000, 16, 1),
      done,
      ...dma(0x40000, RAM + 0x30002000, 16, 3),
      done,
      ['memory-read', RAM + 0x2000, 16],
    ],
  },
  ...[
    ['a transfer of the whole buffer', RAM, 0x40000, 4096, 1],
    ['a destination below the buffer', RAM, 0x3ffff, 4, 1],
    ['a source past the buffer', 0x41000, RAM, 4, 3],
    ['a count of zero', RAM, 0x40000, 0, 1],
    ['a count of all ones', RAM, 0x40000, 0xffffffff, 1],
  ].map(([name, ...transfer]) => ({ name, steps: [...enable(6), ...dma(...transfer), done, ...state] })),
  {
    name: 'memory decoding off and BAR moved',
    steps: [
      ...enable(2),
      ['bar-read', 0, 4],
      ['config-write', EDU, 0x04, 2, '0x0'],
      ['bar-read', 0, 4],
      ['config-write', EDU, 0x04, 2, '0x2'],
      ['bar-read', 0, 4],
      ['config-write', EDU, 0x10, 4, hex(BAR0 + 0x100000)],
      ['bar-read', 0, 4],
      ['bar-read', 0x100000, 4],
      ['config-read', EDU, 0x10, 4],
    ],
  },
];

const transcript = [];
for (const { name, options = ',dma_mask=0xffffffff', dmaMask = 0xffffffff, steps } of scenarios) {
  const qtest = new Qtest(options);
  // The MSI frame pulses its SPIs: only an edge-triggered one keeps it.
  await qtest.write(GICD + 0xc14, 4, '0xaaaaaaaa');
  const answered = [];
  let exits = false;
  for (const step of steps) {
    try {
      answered.push(await run(qtest, step));
    } catch (error) {
      if (error.message !== 'exited') throw error;
      exits = true;
      answered.push(step);
      break;
    }
  }
  await qtest.close();
  transcript.push({ name, dmaMask, emulatorExits: exits, steps: answered });
}
const version = 'qemu-system-arm 7.2, virt,highmem=off, edu at 00:01.0';
const lines = transcript.map(
  ({ steps, ...rest }) =>
    `  ${JSON.stringify(rest).slice(0, -1)},"steps":[\n${steps.map((s) => `    ${JSON.stringify(s)}`).join(',\n')}\n  ]}`,
);
writeFileSync(
  new URL('../test/pci/edu-transcript.json', import.meta.url),
  `{"recordedWith":${JSON.stringify(version)},"dmaNs":${DMA_NS},"scenarios":[\n${lines.join(',\n')}\n]}\n`,
);
