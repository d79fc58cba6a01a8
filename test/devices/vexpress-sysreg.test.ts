import { describe, expect, test } from 'vitest';
import { type ConfigSetting, SYS, VexpressSysreg } from '../../src/devices/vexpress-sysreg.ts';
import { InstructionClock } from '../../src/machine/clock.ts';

const SETTINGS: readonly ConfigSetting[] = [
  { function: 'osc', site: 1, device: 2, value: 66_670_000, writable: true },
  { function: 'volt', site: 0, device: 0, value: 3_300_000, writable: false },
  { function: 'shutdown', site: 0, device: 0, value: undefined, writable: true },
  { function: 'reboot', site: 0, device: 0, value: undefined, writable: true },
];
const START = 0x8000_0000;
const WRITE = 0x4000_0000;
const COMPLETE = 1;
const ERROR = 2;

function board() {
  const clock = new InstructionClock(1);
  const events: string[] = [];
  const card = { inserted: false, readOnly: false };
  const make = () =>
    new VexpressSysreg({
      clock,
      procId: 0x0c00_0191,
      settings: SETTINGS,
      card: { inserted: () => card.inserted, readOnly: () => card.readOnly },
      powerOff: () => events.push('off'),
      reboot: () => events.push('reboot'),
    });
  const sys = make();
  /** As Linux' vexpress-sysreg does. */
  const configure = (control: number, data = 0) => {
    sys.write(SYS.CFGSTAT, 4, 0);
    sys.write(SYS.CFGDATA, 4, data);
    sys.write(SYS.CFGCTRL, 4, (START | control) >>> 0);
    return { status: sys.read(SYS.CFGSTAT, 4), data: sys.read(SYS.CFGDATA, 4) };
  };
  return { sys, make, clock, card, events, configure };
}

const func = (id: number, site: number, device: number): number => (id << 20) | (site << 16) | device;

describe('the system registers of the Versatile Express motherboard (ARM DUI 0447)', () => {
  test('tell of board and daughterboards', () => {
    const { sys } = board();
    expect(sys.read(SYS.ID, 4)).toBe(0x1190f500);
    expect([sys.read(SYS.PROCID0, 4), sys.read(SYS.PROCID1, 4)]).toEqual([0x0c00_0191, 0xff00_0000]);
  });

  test('count 24 MHz and 100 Hz', () => {
    const { sys, clock } = board();
    clock.skipTo(1.5e9);
    expect([sys.read(SYS.COUNTER_24MHZ, 4), sys.read(SYS.COUNTER_100HZ, 4)]).toEqual([36_000_000, 150]);
    // 2^32 ticks of 24 MHz are 178.96 s.
    clock.skipTo(179e9);
    expect(sys.read(SYS.COUNTER_24MHZ, 4)).toBe(179 * 24e6 - 2 ** 32);
  });

  test('set and clear the bits of SYS_FLAGS, in which the address of the waiting CPUs is', () => {
    const { sys } = board();
    sys.write(SYS.FLAGSCLR, 4, 0xffff_ffff);
    sys.write(SYS.FLAGS, 4, 0x8010_1234);
    sys.write(SYS.FLAGS, 4, 1);
    expect(sys.read(SYS.FLAGS, 4)).toBe(0x8010_1235);
    sys.write(SYS.FLAGSCLR, 4, 0x8000_0000);
    expect(sys.read(SYS.FLAGS, 4)).toBe(0x0010_1235);
    expect(sys.read(SYS.NVFLAGS, 4)).toBe(0);
  });

  test('see the card in the slot', () => {
    const { sys, card } = board();
    expect(sys.read(SYS.MCI, 4)).toBe(0);
    card.inserted = true;
    expect(sys.read(SYS.MCI, 4)).toBe(1);
    card.readOnly = true;
    expect(sys.read(SYS.MCI, 1)).toBe(3);
  });

  test('can be reached by bytes and halfwords', () => {
    const { sys } = board();
    expect([sys.read(SYS.ID + 3, 1), sys.read(SYS.ID + 2, 2)]).toEqual([0x11, 0x1190]);
  });
});

describe('the configuration bus (ARM DUI 0447 4.4.18 to 4.4.20)', () => {
  test('reads and writes an oscillator', () => {
    const { configure } = board();
    expect(configure(func(1, 1, 2))).toEqual({ status: COMPLETE, data: 66_670_000 });
    expect(configure(WRITE | func(1, 1, 2), 50_000_000).status).toBe(COMPLETE);
    expect(configure(func(1, 1, 2)).data).toBe(50_000_000);
  });

  test('reads a voltage, and does not set it', () => {
    const { configure } = board();
    expect(configure(func(2, 0, 0))).toEqual({ status: COMPLETE, data: 3_300_000 });
    expect(configure(WRITE | func(2, 0, 0), 1).status).toBe(COMPLETE | ERROR);
  });

  test('answers with an error where nothing is: another device, site, controller or stack position', () => {
    const { configure } = board();
    const nothing = [
      func(1, 1, 3),
      func(1, 0, 2),
      func(1, 1, 2) | (1 << 26),
      func(1, 1, 2) | (1 << 12),
      func(9, 0, 0),
    ];
    for (const control of nothing) expect(configure(control).status).toBe(COMPLETE | ERROR);
  });

  test('does nothing without the start bit, which falls when it is complete', () => {
    const { sys, events } = board();
    sys.write(SYS.CFGCTRL, 4, WRITE | func(8, 0, 0));
    expect([events, sys.read(SYS.CFGSTAT, 4)]).toEqual([[], 0]);
    sys.write(SYS.CFGCTRL, 4, (START | func(1, 1, 2)) >>> 0);
    expect(sys.read(SYS.CFGCTRL, 4)).toBe(func(1, 1, 2));
  });

  test('switches the board off and reboots it', () => {
    const { configure, events } = board();
    configure(WRITE | func(8, 0, 0));
    configure(WRITE | func(9, 0, 0));
    expect(events).toEqual(['off', 'reboot']);
  });

  test('is saved with the oscillators as they were set', () => {
    const { sys, make, configure } = board();
    configure(WRITE | func(1, 1, 2), 50_000_000);
    const restored = make();
    restored.restoreState(sys.saveState());
    sys.reset();
    restored.write(SYS.CFGCTRL, 4, (START | func(1, 1, 2)) >>> 0);
    expect(restored.read(SYS.CFGDATA, 4)).toBe(50_000_000);
    expect(configure(func(1, 1, 2)).data).toBe(66_670_000);
  });
});
