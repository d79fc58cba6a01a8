import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import type { EngineKind } from '../../src/arm/engine-kind.ts';
import { MemoryLayout } from '../../src/memory/machine-memory.ts';
import type { Promotion } from '../../src/translator/wasm/region-store.ts';
import * as a from './assembler.ts';
import { AT_ONCE, NEVER } from './at-once.ts';
import { Bench, CODE, RAM } from './bench.ts';

/** Words in lines of their own. */
const GUESTS = RAM + 0x1f_0000;
const DEVICES = GUESTS + 0x1000;
/** What the guest has seen after each of its stores. */
const LOG = RAM + 0x20_0000;
const ROUNDS = 500_000;
/** What the other side can remember. */
const MOST = 2 ** 23;

/** A device that writes 1, 2, 3 ... to a word, and reads another one after each, both in the order of the host's sequentially consistent accesses. */
const DEVICE = `
  const { parentPort, workerData: { words, guests, devices, seen, rounds } } = require('node:worker_threads');
  parentPort.postMessage('ready');
  while (Atomics.load(words, guests) === 0);
  let n = 0;
  while (n + 1 < seen.length && (n === 0 || seen[n] !== rounds)) {
    n++;
    Atomics.store(words, devices, n);
    seen[n] = Atomics.load(words, guests);
  }
  parentPort.postMessage(n);
`;

interface Meeting {
  readonly guestSaw: Int32Array;
  readonly deviceSaw: Int32Array;
  /** How often the device has stored. */
  readonly stored: number;
}

/** Both sides count up a word of their own, and look at the other's after each store: the guest with `between` in between. */
async function meet(between: number, kind: EngineKind, promotion: Promotion): Promise<Meeting> {
  const bench = new Bench({ kind, promotion });
  bench.mmuOn();
  bench.set(0, GUESTS);
  bench.set(1, DEVICES);
  bench.set(2, 0);
  bench.set(3, LOG);
  bench.set(5, ROUNDS);
  const loop = [
    a.addImm(2, 2, 1),
    a.str(2, 0),
    between,
    a.ldr(4, 1),
    a.str(4, 3),
    a.addImm(3, 3, 4),
    a.subsImm(5, 5, 1),
  ];
  bench.load(CODE, [...loop, a.b(loop.length, 0, a.NE), a.B_SELF]);
  const { words } = bench.memory;
  const indexOf = (address: number): number => (MemoryLayout.ram + address - RAM) >>> 2;
  const deviceSaw = new Int32Array(new SharedArrayBuffer(4 * MOST));
  const device = new Worker(DEVICE, {
    eval: true,
    workerData: {
      words,
      guests: indexOf(GUESTS),
      devices: indexOf(DEVICES),
      seen: deviceSaw,
      rounds: ROUNDS,
    },
  });
  await once(device, 'message');
  const ended = once(device, 'message');
  bench.run(ROUNDS * (loop.length + 1));
  const [stored] = (await ended) as [number];
  await device.terminate();
  const guestSaw = words.slice(indexOf(LOG), indexOf(LOG) + ROUNDS);
  return { guestSaw, deviceSaw, stored };
}

/** A store that the one side has not seen comes after its look, so that the look after that store must see what came before. */
function missedByBoth({ guestSaw, deviceSaw, stored }: Meeting): number {
  let missed = 0;
  guestSaw.forEach((seen, i) => {
    if (seen < stored && deviceSaw[seen + 1]! < i + 1) missed++;
  });
  return missed;
}

/** How often the guest saw that the device had gone on: never where the host ran the one after the other. */
const timesTogether = ({ guestSaw }: Meeting): number => new Set(guestSaw).size - 1;

describe.each([
  { how: 'in TypeScript', kind: 'interpreter', promotion: NEVER },
  { how: 'interpreted', kind: 'wasm', promotion: NEVER },
  { how: 'compiled', kind: 'wasm', promotion: AT_ONCE },
] as const)('DMB and DSB, $how (ARM DDI 0406C A3.8.3)', ({ kind, promotion }) => {
  test.each([
    ['DMB', a.DMB],
    ['DSB', a.DSB],
  ])('a load after %s does not pass the store before it', async (_name, barrier) => {
    let together = 0;
    while (together < 1000) {
      const meeting = await meet(barrier, kind, promotion);
      expect(missedByBoth(meeting)).toBe(0);
      together += timesTogether(meeting);
    }
  });
});
