/** A guest's read of a register of a real device, through everything, beside a bare call of the addon. */
import { Bench } from 'tinybench';
import { createMachine } from '../../dist/index.js';
import { barAddress, enableDevice, mapFlat, program } from '../guests/bare-metal.mjs';
import { cpuMs, median } from '../tools/clocks.mjs';
import { standInDevice, whyNoAddon } from '../tools/vfio-stand-in.mjs';

export const name = 'bar-read';
export const title = 'BAR read of the guest, whole emulator';
export const goal = 'at most 5 times a bare addon call';

const LOOPS = 8192;
const READS_PER_LOOP = 16;
const READS = LOOPS * READS_PER_LOOP;
const ROUNDS = 7;
const READ_WRITE = 3;
const REAL = 1;
const MARKER = 2;

/** Of the marker: not 0 while the guest has to wait. A machine that is paused runs on for a moment, and would mark the next round. */
const WAITS = 12;

/** For ever: wait, mark, a loop of reads, mark, the same loop without them, mark. */
const GUEST = program((a) => {
  a.load(9, barAddress(REAL));
  a.load(10, barAddress(MARKER));
  a.label('round');
  a.ldr(0, 10, WAITS);
  a.subtractAndTest(0, 0, 0);
  a.branchIfNotZero('round');
  for (const [phase, reads] of [READS_PER_LOOP, 0].entries()) {
    a.str(0, 10, 4 * phase);
    a.load(8, LOOPS);
    a.label(`loop ${phase}`);
    for (let i = 0; i < reads; i++) a.ldr(1, 9, 4 * i);
    a.subtractAndTest(8, 8, 1);
    a.branchIfNotZero(`loop ${phase}`);
  }
  a.str(0, 10, 8);
  a.branch('round');
});

/** A software endpoint whose writes are the guest's marks. */
function marker(onMark, mayGo) {
  return {
    name: 'marker',
    description: {
      vendorId: 0x1234,
      deviceId: 0x0001,
      classCode: 0xff0000,
      bars: [{ index: 0, kind: 'memory32', size: 4096 }],
    },
    attach() {},
    detach() {},
    reset() {},
    readBar: (_bar, offset) => (offset === WAITS && !mayGo() ? 1 : 0),
    writeBar: (_bar, offset) => onMark(offset >> 2),
  };
}

/**
 * Reads registers of the board's other devices, as every guest does: what is called from one place for all devices must
 * not be measured as if there were one.
 */
function touchOtherDevices(memory) {
  const registers = [0x0800_0000, 0x0801_0000, 0x0802_0008, 0x0900_0018, 0x0901_0000, 0x3f00_0000];
  for (let i = 0; i < 2000; i++) for (const address of registers) memory.readWord(address);
}

function readDirectly(mapping, count) {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += mapping.read32((i & 15) << 2);
  return sum;
}

/** @returns result, or `notMeasured` with the reason */
export async function measure() {
  const reason = whyNoAddon();
  if (reason !== undefined) return { notMeasured: reason };
  const device = standInDevice();
  const mapping = device.addon.mapRegion(device.file, 0, device.barSize, READ_WRITE);
  const marks = [0, 0, 0];
  let roundDone = () => {};
  let mayGo = false;
  const machine = await createMachine({
    memory: '16M',
    kernel: GUEST,
    pci: [
      device.endpoint,
      marker(
        (mark) => {
          marks[mark] = cpuMs();
          if (mark !== 2) return;
          mayGo = false;
          machine.pause();
          roundDone();
        },
        () => mayGo,
      ),
    ],
  });
  mapFlat(machine.memory);
  enableDevice(machine.memory, REAL);
  enableDevice(machine.memory, MARKER);
  touchOtherDevices(machine.memory);
  await machine.start();

  const guestReads = async () => {
    await new Promise((resolve) => {
      roundDone = resolve;
      mayGo = true;
      machine.resume();
    });
    const [reads, empty, end] = marks;
    if (reads > empty || empty > end)
      throw new Error(`the marks of a round came in another order: ${marks.join(', ')}`);
    return {
      overriddenDuration: (empty - reads - (end - empty)) / READS,
      overriddenIterationCost: end - reads,
    };
  };
  const bareCalls = () => {
    const start = cpuMs();
    readDirectly(mapping, READS);
    const elapsed = cpuMs() - start;
    return { overriddenDuration: elapsed / READS, overriddenIterationCost: elapsed };
  };
  const rounds = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const bench = new Bench({
      throws: true,
      time: 0,
      iterations: 5,
      warmup: round === 0,
      warmupIterations: 5,
      warmupTime: 0,
    });
    bench.add('guest', guestReads, { async: true }).add('addon', bareCalls, { async: false });
    await bench.run();
    const [guest, addon] = bench.tasks.map((task) => task.result.latency.p50 * 1e6);
    if (round > 0) rounds.push({ guest, addon, ratio: guest / addon });
  }
  await machine.stop();
  mapping.close();
  device.dispose();
  const value = median(rounds.map(({ ratio }) => ratio));
  return {
    value,
    unit: 'times a bare addon call',
    met: value <= 5,
    details: {
      'guest read, ns of CPU time': median(rounds.map(({ guest }) => guest)),
      'bare addon call, ns of CPU time': median(rounds.map(({ addon }) => addon)),
      'lowest and highest ratio': [Math.min, Math.max].map((f) => f(...rounds.map(({ ratio }) => ratio))),
    },
  };
}
