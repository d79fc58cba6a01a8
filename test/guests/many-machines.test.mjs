// A thousand machines in one process, one after the other: each compiles a region, and leaves neither memory nor addresses behind.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createMachine } from '../../dist/index.js';

const MACHINES = 1000;
/** What the process has after so many more before them is what it keeps: compiled code of the library, the heap's spare room. */
const WARM = 300;
/**
 * What the host's allocator keeps of a moment's need (threads of V8's compiler: 60 to 100 MiB) comes and goes in a step, at any time; what
 * machines leave behind comes in each part. So the least growth of a part is what counts, in MiB: not 100 KiB of a machine.
 */
const PARTS = 2;
const MOST_OF_A_PART = 45;
const ENTRY = 0x4001_0000;
/** Counts down from 60,000, which is hot enough for a region, and powers off by PSCI. */
const PROGRAM = [
  0xe30e1a60, // MOVW R1, #60000
  0xe2511001, // SUBS R1, R1, #1
  0x1afffffd, // BNE to the SUBS
  0xe3000008, // MOVW R0, #0x0008
  0xe3480400, // MOVT R0, #0x8400
  0xe1400070, // HVC #0
];

/** An ELF file of one loadable segment (System V ABI, chapters 4 and 5; machine 40 is Arm). */
function elf(words) {
  const header = [
    0x464c457f,
    0x00010101,
    0,
    0,
    (40 << 16) | 2,
    1,
    ENTRY,
    52,
    0,
    0x05000200,
    (32 << 16) | 52,
    1,
    0,
  ];
  const size = 4 * words.length;
  const segment = [1, 84, ENTRY, ENTRY, size, size, 5, 4];
  return new Uint8Array(Uint32Array.from([...header, ...segment, ...words]).buffer);
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

/** MiB of addresses and of memory that this process has, once what is unreachable was given back. */
async function footprint() {
  for (let i = 0; i < 3; i++) {
    collectGarbage();
    await sleep(20);
  }
  const status = readFileSync('/proc/self/status', 'utf8');
  const mib = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)[1]) / 1024;
  return { addresses: mib('VmSize'), memory: mib('VmRSS') };
}

test(`${MACHINES} machines of one process leak neither memory nor address space`, async (t) => {
  const kernel = elf(PROGRAM);
  const seen = [];
  for (let i = 1; i <= WARM + MACHINES; i++) {
    const machine = await createMachine({ memory: '16M', engine: 'wasm', kernel });
    await machine.start();
    assert.equal((await machine.exited).reason, 'poweroff');
    if (i === 1) assert.equal(machine.statistics().regions.compiled, 1);
    if (i >= WARM && ((i - WARM) * PARTS) % MACHINES === 0) seen.push(await footprint());
  }
  t.diagnostic(
    `after ${WARM}, and parts of ${MACHINES} more: ${seen.map(({ addresses, memory }) => `${addresses.toFixed(0)} MiB of addresses, ${memory.toFixed(0)} MiB`).join('; ')}`,
  );
  assert.equal(seen.length, PARTS + 1);
  const [warm, end] = [seen[0], seen[PARTS]];
  // One machine's memory reserves 10 GiB of addresses.
  assert.ok(end.addresses < warm.addresses + 2048, JSON.stringify(seen));
  const growth = seen.slice(1).map(({ memory }, i) => memory - seen[i].memory);
  assert.ok(Math.min(...growth) < MOST_OF_A_PART, JSON.stringify(seen));
});
