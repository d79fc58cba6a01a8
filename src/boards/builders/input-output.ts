import { Pl181 } from '../../devices/pl181.ts';
import { SdCard } from '../../devices/sd/sd-card.ts';
import type { Builders } from '../assembly.ts';
import type { InputOutputRow } from '../input-output-rows.ts';

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
};
