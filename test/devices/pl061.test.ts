import { beforeEach, describe, expect, test } from 'vitest';
import { GpioKey } from '../../src/devices/gpio-key.ts';
import { Pl061 } from '../../src/devices/pl061.ts';
import { InstructionClock } from '../../src/machine/clock.ts';

const [DIR, IS, IBE, IEV, IE, RIS, MIS, IC] = [0x400, 0x404, 0x408, 0x40c, 0x410, 0x414, 0x418, 0x41c];

let gpio: Pl061;
let level: boolean;

beforeEach(() => {
  level = false;
  gpio = new Pl061({
    interrupt: {
      set: (to) => {
        level = to;
      },
    },
  });
});

const data = (mask: number): number => mask << 2;

describe('GPIODATA', () => {
  test('shows inputs and outputs under the mask of its address bits 9 to 2', () => {
    gpio.write(DIR, 4, 0xf0);
    gpio.write(data(0xff), 4, 0xa5);
    gpio.input(0).set(true);
    expect(gpio.read(data(0xff))).toBe(0xa1);
    expect(gpio.read(data(0x20))).toBe(0x20);
    gpio.write(data(0x20), 4, 0);
    expect(gpio.read(data(0xff))).toBe(0x81);
  });
});

describe('an interrupt', () => {
  test('comes by the edge that GPIOIEV names, and goes by GPIOIC', () => {
    gpio.write(IEV, 4, 0x08);
    gpio.write(IE, 4, 0x08);
    gpio.input(3).set(true);
    expect([level, gpio.read(RIS), gpio.read(MIS)]).toEqual([true, 8, 8]);
    gpio.input(3).set(false);
    expect(level).toBe(true);
    gpio.write(IC, 4, 8);
    expect([level, gpio.read(RIS)]).toEqual([false, 0]);
    gpio.input(3).set(false);
    expect(level).toBe(false);
  });

  test('comes by falling edges, or by both', () => {
    gpio.write(IE, 4, 0xff);
    gpio.input(1).set(true);
    expect(level).toBe(false);
    gpio.input(1).set(false);
    expect(gpio.read(MIS)).toBe(2);
    gpio.write(IC, 4, 0xff);
    gpio.write(IBE, 4, 2);
    gpio.input(1).set(true);
    expect(gpio.read(MIS)).toBe(2);
  });

  test('by level stays while the level does', () => {
    gpio.write(IS, 4, 4);
    gpio.write(IEV, 4, 4);
    gpio.write(IE, 4, 4);
    gpio.input(2).set(true);
    gpio.write(IC, 4, 4);
    expect(level).toBe(true);
    gpio.input(2).set(false);
    expect(level).toBe(false);
  });

  test('that is masked shows in the raw status only', () => {
    gpio.write(IEV, 4, 1);
    gpio.input(0).set(true);
    expect([gpio.read(RIS), gpio.read(MIS), level]).toEqual([1, 0, false]);
  });
});

test('it identifies itself as a PL061', () => {
  expect([0xfe0, 0xfe4, 0xfe8, 0xfec].map((at) => gpio.read(at))).toEqual([0x61, 0x10, 0x04, 0]);
});

test('a reset clears the registers and leaves what is connected', () => {
  gpio.input(0).set(true);
  gpio.write(DIR, 4, 0xf0);
  gpio.reset();
  expect([gpio.read(DIR), gpio.read(data(0xff))]).toEqual([0, 1]);
});

test('a saved one goes on with its edges and levels', () => {
  gpio.write(IEV, 4, 8);
  gpio.write(IE, 4, 8);
  gpio.input(3).set(true);
  const other = new Pl061({ interrupt: { set() {} } });
  other.restoreState(gpio.saveState());
  expect([other.read(MIS), other.read(data(8))]).toEqual([8, 8]);
  expect(() => other.restoreState({ ...gpio.saveState(), data: Number.NaN })).toThrow(RangeError);
});

describe('a key', () => {
  const PRESS = 100_000_000;

  test('is down for a tenth of a second of guest time', () => {
    const clock = new InstructionClock(10);
    const key = new GpioKey(gpio.input(3), clock);
    key.press();
    expect(gpio.read(data(8))).toBe(8);
    clock.skipTo(PRESS);
    clock.runDue();
    expect(gpio.read(data(8))).toBe(0);
  });

  test('that is saved while it is down comes up at the same time', () => {
    const clock = new InstructionClock(10);
    const key = new GpioKey(gpio.input(3), clock);
    key.press();
    const state = key.saveState();
    key.reset();
    expect(gpio.read(data(8))).toBe(0);
    gpio.input(3).set(true);
    key.restoreState(state);
    clock.skipTo(PRESS);
    clock.runDue();
    expect(gpio.read(data(8))).toBe(0);
  });
});
