import { Lan9118 } from '../../devices/lan9118/lan9118.ts';
import { Pl041 } from '../../devices/pl041/pl041.ts';
import { Pl050 } from '../../devices/pl050.ts';
import { Pl111 } from '../../devices/pl111/pl111.ts';
import { Pl181 } from '../../devices/pl181.ts';
import { Ps2Keyboard } from '../../devices/ps2/keyboard.ts';
import { Ps2Mouse } from '../../devices/ps2/mouse.ts';
import { SdCard } from '../../devices/sd/sd-card.ts';
import { StreamPort } from '../../iommu/stream.ts';
import type { DmaPort } from '../../ports/dma.ts';
import type { Assembly, Builders } from '../assembly.ts';
import { streamsTo } from '../dma-paths.ts';
import type { InputOutputRow } from '../input-output-rows.ts';

/** QEMU's of the first card. */
const DEFAULT_MAC = Uint8Array.of(0x52, 0x54, 0x00, 0x12, 0x34, 0x56);

/** What people see, hear, type on and plug in. */
export const INPUT_OUTPUT: Builders<InputOutputRow['kind']> = {
  pl181: (row, assembly) => {
    const { clock, log, sd } = assembly.parts;
    const card = sd && new SdCard({ ...sd, clock });
    const controller = new Pl181(
      {
        ...(card && { card }),
        clock,
        clockFrequency: assembly.row('fixed-clock', row.clock).frequencyHz,
        interrupts: [assembly.spi(row.interrupts[0]), assembly.spi(row.interrupts[1])],
      },
      log,
    );
    assembly.cardSlots.set(row.name, controller);
    assembly.others.push(controller);
    if (card) assembly.keep(`${row.name} card`, card);
    assembly.keep(row.name, controller);
    assembly.map(row.range, controller, row.name);
  },

  lan9118: (row, assembly) => {
    const { clock, log, ethernet = { mac: DEFAULT_MAC } } = assembly.parts;
    const card = new Lan9118({ ...ethernet, clock, interrupt: assembly.spi(row.interrupt) }, log);
    assembly.ethernet = card;
    assembly.others.push(card);
    assembly.keep(row.name, card);
    assembly.map(row.range, card, row.name);
  },

  pl111: (row, assembly) => {
    const { clock, log } = assembly.parts;
    const display = new Pl111(
      {
        dma: pictureMemory(assembly),
        clock,
        clockFrequency: row.frequencyHz,
        interrupt: assembly.spi(row.interrupt),
      },
      log,
    );
    assembly.displays.push(display);
    assembly.others.push(display);
    assembly.keep(row.name, display);
    assembly.map(row.range, display, row.name);
  },

  pl050: (row, assembly) => {
    const device = row.device === 'keyboard' ? new Ps2Keyboard() : new Ps2Mouse();
    if (device instanceof Ps2Keyboard) assembly.keyboard = device;
    const port = new Pl050({ device, interrupt: assembly.spi(row.interrupt) }, assembly.parts.log);
    assembly.others.push(port);
    assembly.keep(row.name, port);
    assembly.map(row.range, port, row.name);
  },

  pl041: (row, assembly) => {
    const { clock, log } = assembly.parts;
    const audio = new Pl041({ clock, interrupt: assembly.spi(row.interrupt) }, log);
    assembly.others.push(audio);
    assembly.keep(row.name, audio);
    assembly.map(row.range, audio, row.name);
  },
};

/** Memory that pictures are read from. Led to a device's registers, somebody's look at the screen would change things. */
function pictureMemory({ description, parts: { memory } }: Assembly): DmaPort {
  const port = new StreamPort(0, streamsTo(memory));
  const ranges = description.devices.flatMap((row) => (row.kind === 'static-ram' ? [row.range] : []));
  const isMemory = (address: number): boolean =>
    memory.isRam(address) || ranges.some(({ base, size }) => address >= base && address < base + size);
  return {
    read: (address, into) =>
      isMemory(address) && isMemory(address + into.length - 1) && port.read(address, into),
    write: () => false,
  };
}
