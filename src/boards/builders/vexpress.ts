import { GlobalTimer } from '../../devices/cortex-a9/global-timer.ts';
import { PrivateTimers } from '../../devices/cortex-a9/private-timers.ts';
import { Scu } from '../../devices/cortex-a9/scu.ts';
import { L2c310 } from '../../devices/l2c-310.ts';
import { Sp804 } from '../../devices/sp804.ts';
import { Sp805 } from '../../devices/sp805.ts';
import { StaticRam } from '../../devices/static-ram.ts';
import { type ConfigSetting, VexpressSysreg } from '../../devices/vexpress-sysreg.ts';
import type { MmioDevice } from '../../ports/mmio.ts';
import type { PlainValue, Saveable } from '../../ports/saveable.ts';
import type { Assembly, Builders } from '../assembly.ts';
import type { AddressRange, BoardDescription, NamedRow } from '../board.ts';
import { holdingPenCode } from '../holding-pen.ts';
import type { VexpressRow } from '../vexpress-rows.ts';

/** Devices of the Versatile Express boards. */
export const VEXPRESS: Builders<VexpressRow['kind']> = {
  sp804: (row, assembly) => {
    const { clock, log } = assembly.parts;
    const frequency = assembly.row('fixed-clock', row.clock).frequencyHz;
    const interrupt = assembly.spi(row.interrupt);
    place(row, assembly, new Sp804({ clock, frequencies: [frequency, frequency], interrupt }, log));
  },

  sp805: (row, assembly) => {
    const { clock, log, power } = assembly.parts;
    const frequency = assembly.row('fixed-clock', row.clock).frequencyHz;
    const interrupt = assembly.spi(row.interrupt);
    place(row, assembly, new Sp805({ clock, frequency, interrupt, reset: () => power?.reset() }, log));
  },

  'vexpress-sysreg': (row, assembly) => {
    const { clock, log, power } = assembly.parts;
    const sysreg = new VexpressSysreg(
      {
        clock,
        procId: row.procId,
        settings: settingsOf(assembly.description, row.name),
        card: {
          inserted: () => assembly.cardSlots.get(row.cardSlot)?.cardPresent ?? false,
          readOnly: () => assembly.cardSlots.get(row.cardSlot)?.writeProtected ?? false,
        },
        powerOff: () => power?.off(),
        reboot: () => power?.reset(),
      },
      log,
    );
    place(row, assembly, sysreg);
  },

  // The system registers have what it reaches.
  'vexpress-config-bus': () => {},

  // The device tree tells of them; nothing answers at an address.
  'vexpress-leds': () => {},
  pmu: () => {},
  'fixed-regulator': () => {},

  'a9-scu': (row, assembly) => {
    const { cpus, log } = assembly.parts;
    place(row, assembly, new Scu(cpus.length, log));
  },

  'a9-private-timers': (row, assembly) => {
    const { clock, log, power, cpus } = assembly.parts;
    const timers = new PrivateTimers(
      {
        clock,
        frequency: assembly.row('fixed-clock', row.clock).frequencyHz,
        cpus: cpus.map((_, cpu) => ({
          timer: assembly.gic.ppi(cpu, row.timer.number),
          watchdog: assembly.gic.ppi(cpu, row.watchdog.number),
        })),
        reset: () => power?.reset(),
      },
      log,
    );
    place(row, assembly, timers);
  },

  'a9-global-timer': (row, assembly) => {
    const { clock, log, cpus } = assembly.parts;
    const interrupts = cpus.map((_, cpu) => assembly.gic.ppi(cpu, row.interrupt.number));
    const frequency = assembly.row('fixed-clock', row.clock).frequencyHz;
    place(row, assembly, new GlobalTimer({ clock, frequency, interrupts }, log));
  },

  'l2c-310': (row, assembly) => place(row, assembly, new L2c310(assembly.parts.log)),

  'static-ram': (row, assembly) => {
    const { memory, log } = assembly.parts;
    const { base, size } = row.range;
    place(row, assembly, new StaticRam({ size, reads: memory.directReads(base, size) }, log));
  },

  'holding-pen': (row, assembly) => {
    const { memory, log } = assembly.parts;
    const { base, size } = row.range;
    const contents = holdingPenCode(row, assembly.description);
    const config = { size, reads: memory.directReads(base, size), contents, readOnly: true };
    place(row, assembly, new StaticRam(config, log));
    assembly.holdingPen = base;
  },
};

/** A device that is mapped at its row's range, saved by its row's name, and reset with the board. */
function place(
  row: NamedRow & { readonly range: AddressRange },
  assembly: Assembly,
  device: MmioDevice & Saveable<PlainValue> & { reset(): void },
): void {
  assembly.others.push(device);
  assembly.keep(row.name, device);
  assembly.map(row.range, device, row.name);
}

/** What the configuration buses of a board's table reach by these system registers. */
function settingsOf({ devices }: BoardDescription, sysreg: string): ConfigSetting[] {
  return devices.flatMap((row) =>
    row.kind === 'vexpress-config-bus' && row.bridge === sysreg
      ? row.entries.map((entry) => ({
          function: entry.function,
          site: row.site,
          device: entry.device,
          value: entry.value,
          writable: entry.writable === true,
        }))
      : [],
  );
}
