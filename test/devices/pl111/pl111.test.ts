import { describe, expect, it } from 'vitest';
import { Pl111 } from '../../../src/devices/pl111/pl111.ts';
import { LCD, LcdInterrupt } from '../../../src/devices/pl111/registers.ts';
import { InstructionClock } from '../../../src/machine/clock.ts';
import { Probe } from '../gic-v2-fixture.ts';

/** LCDControl: on and powered; the number of the pixel format; colors and orders turned around. */
const ON = 0x801;
const BGR = 0x100;
const BEBO = 0x200;
const BEPO = 0x400;
const format = (number: number): number => number << 1;

function controller(memory = new Uint8Array(64 * 1024)) {
  const clock = new InstructionClock(10);
  const interrupt = new Probe();
  const dma = {
    read: (address: number, into: Uint8Array): boolean => {
      if (address + into.length > memory.length) return false;
      into.set(memory.subarray(address, address + into.length));
      return true;
    },
    write: () => false,
  };
  const lcd = new Pl111({ dma, clock, clockFrequency: 24e6, interrupt });
  const read = (register: number): number => lcd.read(register, 4);
  const write = (register: number, value: number): void => lcd.write(register, 4, value);
  /** 16 pixels by some lines. */
  const show = (control: number, lines = 1, base = 0): void => {
    write(LCD.Timing1, lines - 1);
    write(LCD.UPBASE, base);
    write(LCD.Control, ON | control);
  };
  /** Pixels of a line, `#rrggbb`. */
  const colors = (y = 0): string[] => {
    const picture = lcd.picture();
    if (picture === undefined) return [];
    const line = picture.rgb.subarray(y * picture.width * 3);
    return Array.from({ length: picture.width }, (_unused, x) =>
      Buffer.from(line.subarray(3 * x, 3 * x + 3)).toString('hex'),
    );
  };
  const wait = (ns: number): void => {
    clock.skipTo(clock.nowNs() + ns);
    clock.runDue();
  };
  return { lcd, memory, interrupt, clock, read, write, show, colors, wait };
}

/** The first entries of the palette as reds of their numbers. */
function numberedPalette(write: (register: number, value: number) => void, entries = 32): void {
  for (let n = 0; n < entries; n += 2) write(LCD.Palette + 2 * n, n | ((n + 1) << 16));
}

/** Numbers of {@link numberedPalette} in a line of colors. */
function numbers(colors: readonly string[]): number[] {
  return colors.map((color) => Math.round((Number.parseInt(color.slice(0, 2), 16) * 31) / 255));
}

describe('the picture (ARM DDI 0293 2.2)', () => {
  it('is there while LcdEn and LcdPwr are set, in the size that the timings give', () => {
    const { lcd, write } = controller();
    expect(lcd.picture()).toBeUndefined();
    write(LCD.Control, 1);
    expect(lcd.picture()).toBeUndefined();
    write(LCD.Timing0, 39 << 2);
    write(LCD.Timing1, 0xffff_fc00 | 479);
    write(LCD.Control, ON);
    expect(lcd.picture()).toMatchObject({ width: 640, height: 480 });
  });

  it('has 24 bits a pixel with red lowest, or with BGR blue', () => {
    const { memory, show, colors } = controller();
    memory.set([0x11, 0x22, 0x33, 0xff, 0xff, 0, 0, 0]);
    show(format(5));
    expect(colors().slice(0, 3)).toEqual(['112233', 'ff0000', '000000']);
    show(format(5) | BGR);
    expect(colors().slice(0, 2)).toEqual(['332211', '0000ff']);
  });

  it.each([
    ['1:5:5:5', format(4), [0x1f, 0x3e0, 0x7c00, 0x8000]],
    ['5:6:5', format(6), [0x1f, 0x7e0, 0xf800, 0]],
    ['4:4:4', format(7), [0x00f, 0x0f0, 0xf00, 0xf000]],
  ])('has 16 bits a pixel as %s', (_name, control, values) => {
    const { memory, show, colors } = controller();
    memory.set(new Uint8Array(Uint16Array.from(values).buffer));
    show(control);
    expect(colors().slice(0, 4)).toEqual(['ff0000', '00ff00', '0000ff', '000000']);
    show(control | BGR);
    expect(colors().slice(0, 4)).toEqual(['0000ff', '00ff00', 'ff0000', '000000']);
    show(control | BEBO);
    expect(colors().slice(0, 4)).toEqual(['00ff00', 'ff0000', '000000', '0000ff']);
  });

  it('takes eight and fewer bits a pixel through the palette', () => {
    const { memory, show, colors, write } = controller();
    numberedPalette(write);
    memory.set(Uint8Array.from({ length: 16 }, (_unused, i) => i + 3));
    show(format(3));
    expect(numbers(colors()).slice(0, 5)).toEqual([3, 4, 5, 6, 7]);
    show(format(3) | BEBO);
    expect(numbers(colors()).slice(0, 5)).toEqual([6, 5, 4, 3, 10]);
    write(LCD.Palette + 6, 0x03e0_7c00);
    expect(controller().read(LCD.Palette)).toBe(0);
  });

  it.each([
    [format(0), 0, [0, 1, 0, 0, 1, 0, 1, 1]],
    [format(0), BEPO, [1, 1, 0, 1, 0, 0, 1, 0]],
    [format(1), 0, [2, 0, 1, 3]],
    [format(1), BEPO, [3, 1, 0, 2]],
    [format(2), 0, [2, 13]],
    [format(2), BEPO, [13, 2]],
  ])('takes the pixels of a byte in either order: %i, %i', (control, order, expected) => {
    const { memory, show, colors, write } = controller();
    numberedPalette(write);
    memory[0] = 0b1101_0010;
    show(control | order);
    expect(numbers(colors()).slice(0, expected.length)).toEqual(expected);
  });

  it('goes on line by line from UPBASE, and is black where nothing can be read', () => {
    const { memory, show, colors, read } = controller(new Uint8Array(256));
    memory.fill(0x40, 64, 128);
    memory.fill(0x80, 128, 192);
    show(format(5), 4, 64);
    expect([colors(0)[15], colors(1)[0], colors(3)[0]]).toEqual(['404040', '808080', '000000']);
    expect(read(LCD.RIS) & LcdInterrupt.MBERROR).not.toBe(0);
  });
});

describe('interrupts (3.2.8 to 3.2.11)', () => {
  /** (16 + 3) clocks * (1 + 1) lines * 2, at 24 MHz. */
  const FRAME_NS = Math.ceil((19 * 2 * 2 * 1e9) / 24e6);

  it('LNBU and Vcomp come with each frame, and stay until LCDICR', () => {
    const { show, read, write, wait, interrupt } = controller();
    write(LCD.IMSC, LcdInterrupt.LNBU);
    wait(1e6);
    expect(interrupt.level).toBe(false);
    show(format(5));
    wait(FRAME_NS - 1);
    expect(interrupt.level).toBe(false);
    wait(2);
    expect([read(LCD.RIS), read(LCD.MIS), interrupt.level]).toEqual([0xc, 4, true]);
    write(LCD.ICR, 0xc);
    expect([read(LCD.RIS), interrupt.level]).toEqual([0, false]);
    wait(FRAME_NS);
    expect(interrupt.level).toBe(true);
  });

  it('are seen by a driver that polls, and cost nothing while nobody waits', () => {
    const { show, read, wait, clock } = controller();
    show(format(5));
    expect(clock.nextDeadlineNs()).toBe(Number.POSITIVE_INFINITY);
    expect(read(LCD.RIS)).toBe(0);
    wait(2 * FRAME_NS);
    expect(read(LCD.RIS)).toBe(0xc);
  });
});

describe('the device', () => {
  it('identifies itself as PL111', () => {
    const { read } = controller();
    const bytes = Array.from({ length: 8 }, (_unused, i) => read(LCD.PeriphID0 + 4 * i));
    expect(bytes).toEqual([0x11, 0x11, 0x24, 0, 0x0d, 0xf0, 0x05, 0xb1]);
  });

  it('keeps what is written, palette and cursor too', () => {
    const { read, write } = controller();
    for (const register of [
      LCD.Timing0,
      LCD.Timing3,
      LCD.Palette + 4,
      LCD.CursorImage,
      LCD.CursorImage + 0x410,
    ]) {
      write(register, 0x1234_5678);
      expect(read(register)).toBe(0x1234_5678);
    }
    write(LCD.LPBASE, 0xffff_ffff);
    expect([read(LCD.LPBASE), read(LCD.LPCURR)]).toEqual([0xffff_fff8, 0xffff_fff8]);
  });

  it('is off after a reset, and goes on from a copy of its state', () => {
    const { lcd, memory, show } = controller();
    memory.fill(0x77);
    show(format(5));
    const to = controller(memory);
    to.lcd.restoreState(lcd.saveState());
    expect(to.colors()).toEqual(new Array<string>(16).fill('777777'));
    lcd.reset();
    expect(lcd.picture()).toBeUndefined();
  });
});
