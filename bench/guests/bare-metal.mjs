/**
 * Guests of a few instructions on the `virt` board. What a guest would set up at length (translation table, GIC, PCI
 * configuration) is set up from outside before it starts, through `machine.memory`.
 */
import { Assembler } from './assembler.mjs';

export const LOAD_ADDRESS = 0x4020_0000;
const TRANSLATION_TABLE = 0x4030_0000;
/** RAM for the guest's own data: a MiB after the table. */
export const DATA = 0x4040_0000;

const ECAM = 0x3f00_0000;
/** Bus address of the first BAR; each device number has a window of 16 MiB. */
const BARS = 0x1000_0000;
const BAR_STRIDE = 0x0100_0000;
const GICD = 0x0800_0000;
export const GICC = 0x0801_0000;
const GICV2M_SETSPI = 0x0802_0040;
const FIRST_MSI = 80;

/** Short-descriptor sections, domain 0, all access (DDI 0406C B3.5.1): Normal write-back; Device and execute-never. */
const NORMAL_SECTION = 0x1c0e;
const DEVICE_SECTION = 0x0c16;

/** Bus address of BAR 0 of the device with this number. */
export const barAddress = (device) => BARS + device * BAR_STRIDE;

/**
 * A guest image: MMU on, then `body`.
 * @param {(a: Assembler) => void} body
 * @param {(a: Assembler) => void} [irqHandler]
 * @returns {Uint8Array} an ELF executable
 */
export function program(body, irqHandler = (a) => a.branch('vectors')) {
  const a = new Assembler();
  a.load(0, TRANSLATION_TABLE);
  a.mcr(0, 0, 2, 0, 0); // TTBR0
  a.load(0, 0);
  a.mcr(0, 0, 2, 0, 2); // TTBCR
  a.load(0, 1);
  a.mcr(0, 0, 3, 0, 0); // DACR: domain 0 is a client
  a.mcr(0, 0, 8, 7, 0); // TLBIALL
  a.load(0, LOAD_ADDRESS + VECTORS);
  a.mcr(0, 0, 12, 0, 0); // VBAR
  a.mrc(0, 0, 1, 0, 0); // SCTLR.M
  a.orrImmediate(0, 0, 1);
  a.mcr(0, 0, 1, 0, 0);
  a.isb();
  a.branch('body');
  a.align(32);
  if (a.offset !== VECTORS) throw new Error(`the vectors are at ${a.offset}`);
  a.label('vectors');
  for (let vector = 0; vector < 8; vector++) a.branch(vector === 6 ? 'irq' : 'vectors');
  a.label('irq');
  irqHandler(a);
  a.label('body');
  body(a);
  return elf(a.finish());
}
const VECTORS = 96;

/** Fills the translation table: the identity, by sections. */
export function mapFlat(memory) {
  const table = new Uint32Array(4096);
  for (let mib = 0; mib < 0x400; mib++) table[mib] = ((mib << 20) | DEVICE_SECTION) >>> 0;
  for (let mib = 0x400; mib < 0x410; mib++) table[mib] = ((mib << 20) | NORMAL_SECTION) >>> 0;
  memory.write(TRANSLATION_TABLE, new Uint8Array(table.buffer));
}

function configAddress(device, register) {
  return ECAM + (device << 15) + register;
}

/** Assigns BAR 0 and switches memory decoding and bus mastering on. */
export function enableDevice(memory, device) {
  memory.writeWord(configAddress(device, 0x10), barAddress(device));
  memory.writeWord(configAddress(device, 0x04), 0x6);
}

function findCapability(memory, device, id) {
  let at = memory.read(configAddress(device, 0x34), 1)[0];
  while (at !== 0) {
    const [found, next] = memory.read(configAddress(device, at), 2);
    if (found === id) return at;
    at = next;
  }
  throw new Error(`PCI device ${device} has no capability ${id}`);
}

/** Lets MSI vector 0 of a device interrupt CPU 0, through GICv2m and GIC (IHI 0048B 4.3). */
export function enableMsi(memory, device) {
  const register = 4 * (FIRST_MSI >> 5);
  memory.writeWord(GICD + 0x0c00 + 4 * (FIRST_MSI >> 4), 0xaaaa_aaaa); // GICD_ICFGR: edges
  memory.writeWord(GICD + 0x0800 + FIRST_MSI, 0x0101_0101); // GICD_ITARGETSR
  memory.writeWord(GICD + 0x0100 + register, 1 << (FIRST_MSI & 31)); // GICD_ISENABLER
  memory.writeWord(GICD, 1); // GICD_CTLR
  memory.writeWord(GICC + 0x04, 0xff); // GICC_PMR
  memory.writeWord(GICC, 1); // GICC_CTLR

  const capability = findCapability(memory, device, 0x05);
  const control = memory.readWord(configAddress(device, capability)) >>> 16;
  const wide = (control & 0x80) !== 0;
  memory.writeWord(configAddress(device, capability + 4), GICV2M_SETSPI);
  if (wide) memory.writeWord(configAddress(device, capability + 8), 0);
  memory.writeWord(configAddress(device, capability + (wide ? 12 : 8)), FIRST_MSI);
  memory.writeWord(configAddress(device, capability), ((control & ~0x70) | 1) << 16);
}

/** One loadable segment (System V ABI, chapters 4 and 5). */
export function elf(words) {
  const HEADERS = 52 + 32;
  const bytes = new Uint8Array(HEADERS + words.byteLength);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  const half = [
    [16, 2],
    [18, 40],
    [40, 52],
    [42, 32],
    [44, 1],
    [46, 40],
  ];
  for (const [at, value] of half) view.setUint16(at, value, true);
  const word = [
    [20, 1],
    [24, LOAD_ADDRESS],
    [28, 52],
    [36, 0x0500_0200],
    [52, 1],
    [56, HEADERS],
  ];
  word.push(
    [60, LOAD_ADDRESS],
    [64, LOAD_ADDRESS],
    [68, words.byteLength],
    [72, words.byteLength],
    [76, 7],
    [80, 4],
  );
  for (const [at, value] of word) view.setUint32(at, value, true);
  bytes.set(new Uint8Array(words.buffer), HEADERS);
  return bytes;
}
