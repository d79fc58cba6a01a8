import { describe, expect, it } from 'vitest';
import { KMI, KmiControl, KmiInterrupt, KmiStatus, Pl050 } from '../../src/devices/pl050.ts';
import { Ps2Keyboard } from '../../src/devices/ps2/keyboard.ts';
import { Ps2Mouse } from '../../src/devices/ps2/mouse.ts';
import type { AnyPs2Device } from '../../src/devices/ps2/ps2-device.ts';
import { Probe } from './gic-v2-fixture.ts';

const { KMIEN, RXINTREN, TXINTREN } = KmiControl;

function interfaceTo<Device extends AnyPs2Device>(device: Device) {
  const interrupt = new Probe();
  const kmi = new Pl050({ device, interrupt });
  const read = (register: number): number => kmi.read(register, 4);
  const write = (register: number, value: number): void => kmi.write(register, 4, value);
  /** Sends bytes, and reads what comes. */
  const ask = (...bytes: readonly number[]): number[] => {
    for (const byte of bytes) write(KMI.DATA, byte);
    return answers();
  };
  const answers = (): number[] => {
    const got: number[] = [];
    while (read(KMI.STAT) & KmiStatus.RXFULL) got.push(read(KMI.DATA));
    return got;
  };
  write(KMI.CR, KMIEN);
  return { kmi, device, interrupt, read, write, ask, answers };
}

describe('the PL050 (ARM DDI 0143)', () => {
  it('tells by RXFULL and by its interrupt that a byte has come', () => {
    const { read, write, interrupt } = interfaceTo(new Ps2Keyboard());
    expect(read(KMI.STAT)).toBe(0x43);
    write(KMI.CR, KMIEN | RXINTREN);
    write(KMI.DATA, 0xee);
    expect([read(KMI.STAT) & KmiStatus.RXFULL, read(KMI.IR), interrupt.level]).toEqual([
      KmiStatus.RXFULL,
      KmiInterrupt.RX | KmiInterrupt.TX,
      true,
    ]);
    expect(read(KMI.DATA)).toBe(0xee);
    expect([read(KMI.IR), interrupt.level]).toEqual([KmiInterrupt.TX, false]);
    // Read again it is the same.
    expect(read(KMI.DATA)).toBe(0xee);
  });

  it('has the parity of the last byte', () => {
    const { read, ask } = interfaceTo(new Ps2Keyboard());
    ask(0xee);
    expect(read(KMI.STAT) & KmiStatus.RXPARITY).toBe(KmiStatus.RXPARITY);
    ask(0xf2);
    expect(read(KMI.STAT) & KmiStatus.RXPARITY).toBe(0);
  });

  it('can always send, and interrupts for that only where it is asked to', () => {
    const { write, interrupt } = interfaceTo(new Ps2Keyboard());
    write(KMI.CR, KMIEN | TXINTREN);
    expect(interrupt.level).toBe(true);
    write(KMI.CR, KMIEN);
    expect(interrupt.level).toBe(false);
  });

  it('does nothing while it is off', () => {
    const { read, write, answers } = interfaceTo(new Ps2Keyboard());
    write(KMI.CR, 0);
    write(KMI.DATA, 0xee);
    write(KMI.CR, KMIEN);
    expect(answers()).toEqual([]);
    write(KMI.CLKDIV, 0xff);
    expect(read(KMI.CLKDIV)).toBe(0xf);
  });

  it('identifies itself', () => {
    const { read } = interfaceTo(new Ps2Mouse());
    const bytes = Array.from({ length: 8 }, (_unused, i) => read(KMI.PeriphID0 + 4 * i));
    expect(bytes).toEqual([0x50, 0x10, 0x04, 0, 0x0d, 0xf0, 0x05, 0xb1]);
  });

  it('goes on from a copy of its state, and so does what hangs on it', () => {
    const from = interfaceTo(new Ps2Keyboard());
    from.write(KMI.DATA, 0xf2);
    from.write(KMI.DATA, 0xed);
    from.device.press([0x1c]);
    const to = interfaceTo(new Ps2Keyboard());
    to.kmi.restoreState(from.kmi.saveState());
    expect(to.ask(2)).toEqual([0xfa, 0x1c, 0xfa]);
    expect(to.ask(0xf2)).toEqual([0xfa, 0xab, 0x83]);
    const saved = from.kmi.saveState();
    const queue = { ...saved.device.queue, queue: new Array<number>(100).fill(0) };
    expect(() => to.kmi.restoreState({ ...saved, device: { ...saved.device, queue } })).toThrow(RangeError);
    to.kmi.reset();
    expect(to.read(KMI.CR)).toBe(0);
  });
});

describe('the keyboard', () => {
  it.each([
    ['reset', [0xff], [0xfa, 0xaa]],
    ['identify', [0xf2], [0xfa, 0xab, 0x83]],
    ['set lamps', [0xed, 7], [0xfa, 0xfa]],
    ['set the rate', [0xf3, 0], [0xfa, 0xfa]],
    ['enable', [0xf4], [0xfa]],
    ['which scan codes', [0xf0, 0], [0xfa, 0xfa, 2]],
    ['echo', [0xee], [0xee]],
    ['nothing that it knows', [0x12], [0xfe]],
  ])('answers: %s', (_what, bytes, expected) => {
    const { write, answers } = interfaceTo(new Ps2Keyboard());
    const got = bytes.flatMap((byte) => {
      write(KMI.DATA, byte);
      return answers();
    });
    expect(got).toEqual(expected);
  });

  it('sends keys while it is enabled, as long as somebody reads them', () => {
    const { device, ask, answers } = interfaceTo(new Ps2Keyboard());
    expect(device.press([0x1c, 0xf0, 0x1c])).toBe(true);
    expect(answers()).toEqual([0x1c, 0xf0, 0x1c]);
    expect(ask(0xfe)).toEqual([0x1c]);
    ask(0xf5);
    expect(device.press([0x1c])).toBe(false);
    ask(0xf4);
    for (let i = 0; i < 100; i++) device.press([0x1c]);
    expect(answers().length).toBe(64);
  });
});

describe('the mouse', () => {
  it('resets, identifies itself, and tells its status', () => {
    const { ask } = interfaceTo(new Ps2Mouse());
    expect(ask(0xff)).toEqual([0xfa, 0xaa, 0]);
    expect(ask(0xf2)).toEqual([0xfa, 0]);
    expect([...ask(0xe8), ...ask(3), ...ask(0xe7), ...ask(0xf4)]).toEqual([0xfa, 0xfa, 0xfa, 0xfa]);
    expect(ask(0xe9)).toEqual([0xfa, 0x30, 3, 100]);
    expect(ask(0xeb)).toEqual([0xfa, 8, 0, 0]);
    expect(ask(0x01)).toEqual([0xfe]);
  });

  it('shows that it has a wheel, and five buttons, to who knows the secret', () => {
    const { ask } = interfaceTo(new Ps2Mouse());
    const rates = (...values: number[]) => values.map((value) => [...ask(0xf3), ...ask(value)]);
    rates(200, 100, 80);
    expect(ask(0xf2)).toEqual([0xfa, 3]);
    rates(200, 200, 80);
    expect(ask(0xf2)).toEqual([0xfa, 4]);
    expect(ask(0xeb)).toEqual([0xfa, 8, 0, 0, 0]);
    ask(0xff);
    expect(ask(0xf2)).toEqual([0xfa, 0]);
  });
});
