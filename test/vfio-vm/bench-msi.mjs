// Interrupt latency in the host VM, with real vfio and the interrupt of QEMU's edu. Run by `npm run bench -- --vm`.
// The last line of output is `bench-msi: ` and a JSON object with the samples in milliseconds.
import {
  computingAndRaising,
  INTERRUPT_RAISE,
  INTERRUPT_STATUS,
  prepare,
} from '../../bench/guests/interrupt.mjs';
import { createMachine } from '../../dist/index.js';
import { vfio } from '../../dist/vfio/index.js';
import { loadBinding } from '../../dist/vfio/native-binding.js';
import { bindToVfio } from './guest/host.mjs';
import { ADDRESS } from './guest/topology.mjs';

/** Interrupts until V8 has compiled their path: under TCG that takes its time. */
const WARM_UP = 600;
const SAMPLES = 400;
/** Between two interrupts the guest computes some twenty thousand instructions: milliseconds under TCG. */
const LOOPS = 600;

/**
 * Lets the guest raise interrupts and takes the time to its handler's first access to the device.
 * @param {((raise: () => void) => void)} raiseBy does the guest's write, or something else instead of it
 * @returns {Promise<number[]>} in milliseconds
 */
async function latencies(raiseBy) {
  const endpoint = vfio(ADDRESS.edu);
  const { readBar, writeBar } = endpoint;
  const samples = [];
  let raised;
  let finished = () => {};
  endpoint.writeBar = function (...access) {
    if (access[1] !== INTERRUPT_RAISE) return writeBar.apply(this, access);
    // One at a time: a late one is not to be taken for the next.
    if (raised !== undefined) return;
    raised = process.hrtime.bigint();
    raiseBy(() => writeBar.apply(this, access));
  };
  endpoint.readBar = function (...access) {
    if (access[1] === INTERRUPT_STATUS && raised !== undefined) {
      samples.push(Number(process.hrtime.bigint() - raised) / 1e6);
      raised = undefined;
      if (samples.length === WARM_UP + SAMPLES) finished();
    }
    return readBar.apply(this, access);
  };
  const done = new Promise((resolve) => {
    finished = resolve;
  });
  const machine = await createMachine({ memory: '16M', kernel: computingAndRaising(LOOPS), pci: [endpoint] });
  prepare(machine);
  await machine.start();
  await done;
  await machine.stop();
  return samples.slice(WARM_UP);
}

/** Device, IOMMU and the host's interrupt handler included. */
const fromDevice = () => latencies((write) => write());

/** As if the host's kernel had just taken the device's interrupt. */
function fromEventfd() {
  const binding = loadBinding();
  const { eventfdCreate } = binding;
  let eventfd;
  binding.eventfdCreate = (description) => {
    const descriptor = eventfdCreate(description);
    if (description.endsWith('vector 0')) eventfd = descriptor;
    return descriptor;
  };
  return latencies(() => binding.eventfdWrite(eventfd));
}

bindToVfio(ADDRESS.edu);
const result = { fromDevice: await fromDevice(), fromEventfd: await fromEventfd() };
console.log(`bench-msi: ${JSON.stringify(result)}`);
