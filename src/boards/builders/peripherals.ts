import { GpioKey } from '../../devices/gpio-key.ts';
import { Pl011 } from '../../devices/pl011.ts';
import { Pl031 } from '../../devices/pl031.ts';
import { Pl061 } from '../../devices/pl061.ts';
import type { Builders } from '../assembly.ts';

/** PrimeCells and what hangs on them. */
export const PERIPHERALS: Builders<'pl011' | 'pl031' | 'pl061' | 'gpio-key'> = {
  pl011: (row, assembly) => {
    const { clock, log } = assembly.parts;
    const line = assembly.parts.serial(row.name);
    const uart = new Pl011(
      {
        clock,
        clockFrequency: assembly.row('fixed-clock', row.clock).frequencyHz,
        interrupt: assembly.spi(row.interrupt),
        transmit: (byte) => line.transmit(byte),
        onReceiveSpace: () => line.readyToReceive(),
      },
      log,
    );
    assembly.uarts.set(row.name, uart);
    assembly.keep(row.name, uart);
    assembly.map(row.range, uart, row.name);
    line.connect({ receive: (bytes) => receiveAll(uart, bytes) });
  },

  pl031: (row, assembly) => {
    const { clock, wallClock, log } = assembly.parts;
    const rtc = new Pl031({ clock, wallClock, interrupt: assembly.spi(row.interrupt) }, log);
    assembly.rtc = rtc;
    assembly.keep(row.name, rtc);
    assembly.map(row.range, rtc, row.name);
  },

  pl061: (row, assembly) => {
    const gpio = new Pl061({ interrupt: assembly.spi(row.interrupt) }, assembly.parts.log);
    assembly.gpios.set(row.name, gpio);
    assembly.others.push(gpio);
    assembly.keep(row.name, gpio);
    assembly.map(row.range, gpio, row.name);
  },

  'gpio-key': (row, assembly) => {
    const gpio = assembly.gpios.get(row.gpio);
    if (!gpio) throw new RangeError(`the table has no pl061 called '${row.gpio}' before '${row.name}'`);
    const key = new GpioKey(gpio.input(row.line), assembly.parts.clock);
    assembly.keys.set(row.name, key);
    assembly.others.push(key);
    assembly.keep(row.name, key);
  },
};

/** Gives a UART as many bytes as it takes. */
function receiveAll(uart: Pl011, bytes: Uint8Array): number {
  let taken = 0;
  while (taken < bytes.length && uart.receive(bytes[taken])) taken++;
  return taken;
}
