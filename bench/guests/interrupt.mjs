/** A guest that computes, and whose interrupt handler's first act is a read of the device. */
import { barAddress, DATA, enableDevice, enableMsi, GICC, mapFlat, program } from './bare-metal.mjs';

export const DEVICE = 1;
/** Registers of `edu` (QEMU's docs/specs/edu). */
export const INTERRUPT_STATUS = 0x24;
export const INTERRUPT_RAISE = 0x60;
const INTERRUPT_ACKNOWLEDGE = 0x64;

const IRQ_SCRATCH = 8;
const BAR = 9;
const CPU_INTERFACE = 11;

function handler(a) {
  a.ldr(IRQ_SCRATCH, BAR, INTERRUPT_STATUS);
  a.str(IRQ_SCRATCH, BAR, INTERRUPT_ACKNOWLEDGE);
  a.ldr(IRQ_SCRATCH, CPU_INTERFACE, 0x0c); // GICC_IAR
  a.str(IRQ_SCRATCH, CPU_INTERFACE, 0x10); // GICC_EOIR
  a.returnFromIrq();
}

function enter(a) {
  a.load(BAR, barAddress(DEVICE));
  a.load(CPU_INTERFACE, GICC);
  a.enableIrq();
}

/** Sums, products and memory, in a loop that does not end. */
export const COMPUTING = program((a) => {
  enter(a);
  a.load(0, 1);
  a.load(1, 0x0019_660d);
  a.load(2, DATA);
  a.label('compute');
  for (let i = 0; i < 8; i++) {
    a.mul(3, 0, 1);
    a.ldr(4, 2, 4 * i);
    a.eorRor(0, 3, 4, 7);
    a.str(0, 2, 4 * i);
  }
  a.branch('compute');
}, handler);

/** As `COMPUTING`; every `iterations` loops it makes `edu` raise its interrupt. */
export const computingAndRaising = (iterations) =>
  program((a) => {
    enter(a);
    a.load(0, 1);
    a.load(1, 0x0019_660d);
    a.load(2, DATA);
    a.label('round');
    a.load(5, iterations);
    a.label('compute');
    for (let i = 0; i < 8; i++) {
      a.mul(3, 0, 1);
      a.ldr(4, 2, 4 * i);
      a.eorRor(0, 3, 4, 7);
      a.str(0, 2, 4 * i);
    }
    a.subtractAndTest(5, 5, 1);
    a.branchIfNotZero('compute');
    a.load(6, 1);
    a.str(6, BAR, INTERRUPT_RAISE);
    a.branch('round');
  }, handler);

/** Sleeps until an interrupt comes, for ever. */
export const WAITING = program((a) => {
  enter(a);
  a.label('wait');
  a.wfi();
  a.branch('wait');
}, handler);

/** What the guests find done: translation table, device, interrupt controller. */
export function prepare(machine) {
  mapFlat(machine.memory);
  enableDevice(machine.memory, DEVICE);
  enableMsi(machine.memory, DEVICE);
}

/** Calls back at each read of a register of the endpoint's BAR 0 by the guest. */
export function watchReads(endpoint, onRead) {
  const { readBar } = endpoint;
  endpoint.readBar = function (bar, offset, size, requester) {
    onRead(offset);
    return readBar.call(this, bar, offset, size, requester);
  };
}
