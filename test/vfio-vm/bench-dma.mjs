// What a real NVMe drive and a real e1000e do in the host VM, for the same guest in armemu and in QEMU, and table edits through to
// the host's IOMMU. Run by `npm run bench:vfio`. The last line of output is `bench-dma: ` and a JSON object: rates in events per second.
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Group } from '../../dist/vfio/group.js';
import { HostFacts } from '../../dist/vfio/host-facts.js';
import { loadBinding } from '../../dist/vfio/native-binding.js';
import { Armemu } from './guest/armemu.mjs';
import { bindToVfio, groupOf } from './guest/host.mjs';
import { ADDRESS } from './guest/topology.mjs';

const IMAGE = '/armemu/firmware/prebuilt/dma-bench.elf';
const DEVICES = [ADDRESS.nvme, ADDRESS.e1000e];
const MEMORY_MIB = 64;
const RAM_BASE = 0x4000_0000;
const PAGE = 4096;

/** Each is a command of the guest, with a number of events, and what follows that. */
const WORKLOADS = [
  { name: 'reads, one at a time', command: 'reads', count: 600, rest: '' },
  { name: 'reads, 8 at a time', command: 'reads', count: 1200, rest: ' 8' },
  { name: 'frames of 1514 bytes', command: 'frames', count: 4000, rest: '' },
];
const EDITS = { name: 'table edits', command: 'edits', count: 2000, rest: '' };
/** So few events take as long as the command around them. */
const FEW = 2;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    samples: { type: 'string', default: '4' },
    scale: { type: 'string', default: '1' },
    engine: { type: 'string' },
  },
});
const [rounds, samples, scale] = [values.rounds, values.samples, values.scale].map(Number);

/** Rates by who and what. */
const rates = {};

function note(subject, workload, rate) {
  rates[subject] ??= {};
  rates[subject][workload] ??= [];
  rates[subject][workload].push(rate);
}

/** Seconds of the VM's clock: on a host as slow as this one the guest's may go more slowly. */
async function secondsOf(process, command) {
  const start = performance.now();
  await process.command(command);
  return (performance.now() - start) / 1000;
}

/** Runs each workload some times, the first time for nothing: translators are warm then. */
async function measure(process, subject, workloads) {
  for (const { name, command, count: whole, rest } of workloads) {
    const count = Math.ceil(whole * scale) + FEW;
    for (let sample = 0; sample <= samples; sample++) {
      const around = await secondsOf(process, `${command} ${FEW}${rest}`);
      const seconds = (await secondsOf(process, `${command} ${count}${rest}`)) - around;
      // Where the VM was stopped meanwhile, the few may have taken longer.
      if (sample > 0 && seconds > 0) note(subject, name, (count - FEW) / seconds);
      console.error(`${subject}, ${name}: ${seconds.toFixed(2)} s`);
    }
  }
}

/** @param {(process: Armemu) => Promise<void>} work */
async function session(args, program, work) {
  const process = new Armemu(args, { terminal: program === undefined, program });
  try {
    await process.prompt();
    await work(process);
    process.write('poweroff\r');
    await process.ended;
  } finally {
    await process.kill();
  }
}

const armemu = (machine, work) =>
  session(
    [
      ...['run', '--machine', machine, '--memory', `${MEMORY_MIB}M`, '--kernel', IMAGE],
      ...(values.engine === undefined ? [] : ['--engine', values.engine]),
      ...DEVICES.flatMap((address) => ['--vfio', address]),
    ],
    undefined,
    work,
  );

const qemu = (work) =>
  session(
    [
      ...['-machine', 'virt,highmem=off,gic-version=2', '-cpu', 'cortex-a15', '-m', String(MEMORY_MIB)],
      ...['-nodefaults', '-display', 'none', '-serial', 'stdio', '-monitor', 'none', '-kernel', IMAGE],
      ...DEVICES.flatMap((address) => ['-device', `vfio-pci,host=${address}`]),
    ],
    ['/bin/qemu-system-arm'],
    work,
  );

/** What the host's kernel alone takes: the same page mapped and unmapped from JavaScript. */
function bareIoctls() {
  const memory = new WebAssembly.Memory({ initial: 16, maximum: 16, shared: true });
  const bytes = new Uint8Array(memory.buffer);
  bytes.fill(1);
  const ram = { memory, bytes, base: RAM_BASE, behindIommu: true };
  const group = Group.open(
    loadBinding(),
    new HostFacts(),
    Number(groupOf(ADDRESS.nvme)),
    ADDRESS.nvme,
    ram,
    0,
    1,
  );
  const COUNT = 500;
  for (let sample = 0; sample <= samples; sample++) {
    const start = performance.now();
    for (let i = 0; i < COUNT; i++) {
      group.container.map(0x9010_0000, bytes.subarray(0, PAGE));
      group.container.unmap(0x9010_0000, PAGE);
    }
    const seconds = (performance.now() - start) / 1000;
    if (sample > 0) note("the host's ioctls alone", EDITS.name, (2 * COUNT) / seconds);
  }
  group.close();
}

for (const address of DEVICES) bindToVfio(address);
const hasQemu = existsSync('/bin/qemu-system-arm');
// In turns, so that what else this machine does slows all of them down.
for (let round = 0; round < rounds; round++) {
  if (hasQemu) await qemu((process) => measure(process, 'QEMU, vfio-pci', WORKLOADS));
  await armemu('virt', (process) => measure(process, 'armemu, no SMMU', WORKLOADS));
  await armemu('virt,iommu=smmuv2', async (process) => {
    await measure(process, 'armemu, SMMU bypassed', WORKLOADS);
    await process.command('translate long');
    await measure(process, 'armemu, SMMU translating', [...WORKLOADS, EDITS]);
  });
  bareIoctls();
}
console.log(`bench-dma: ${JSON.stringify(rates)}`);
