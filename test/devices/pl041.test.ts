import { describe, expect, it } from 'vitest';
import { ChannelInterrupt, ChannelStatus } from '../../src/devices/pl041/channel.ts';
import { AACI, CHANNEL_BYTES, MainControl, Pl041, SlotFlag } from '../../src/devices/pl041/pl041.ts';
import { InstructionClock } from '../../src/machine/clock.ts';
import { Probe } from './gic-v2-fixture.ts';

/** FIFO on; enabled with slots 3 and 4: stereo. */
const FIFO = 0x1_0000;
const STEREO = 0x1_0019;
const FRAME_NS = 1e9 / 48_000;

function controller() {
  const clock = new InstructionClock(10);
  const interrupt = new Probe();
  const aaci = new Pl041({ clock, interrupt });
  const read = (register: number): number => aaci.read(register, 4);
  const write = (register: number, value: number): void => aaci.write(register, 4, value);
  const codec = (register: number): number => {
    write(AACI.SL1TX, (register << 12) | 0x8_0000);
    return read(AACI.SL2RX) >>> 4;
  };
  const setCodec = (register: number, value: number): void => {
    write(AACI.SL2TX, value << 4);
    write(AACI.SL1TX, register << 12);
  };
  const wait = (ns: number): void => {
    clock.skipTo(clock.nowNs() + ns);
    clock.runDue();
  };
  return { aaci, clock, interrupt, read, write, codec, setCodec, wait };
}

describe("the codec behind a PL041 (AC '97)", () => {
  it('is an LM4549, whose registers are read by slots 1 and 2', () => {
    const { read, write, codec } = controller();
    write(AACI.SL1TX, (0x7c << 12) | 0x8_0000);
    expect(read(AACI.SLFR) & (SlotFlag.RXV1 | SlotFlag.RXV2)).toBe(SlotFlag.RXV1 | SlotFlag.RXV2);
    expect([read(AACI.SL1RX) >>> 12, read(AACI.SL2RX) >>> 4]).toEqual([0x7c, 0x4e53]);
    expect(read(AACI.SLFR) & (SlotFlag.RXV1 | SlotFlag.RXV2)).toBe(0);
    expect([codec(0x7e), codec(0x26), codec(0x2c)]).toEqual([0x4331, 0x000f, 48_000]);
  });

  it('keeps volumes and rates, not its identity, until a reset by itself or by the link', () => {
    const { write, codec, setCodec } = controller();
    setCodec(0x02, 0x0a0a);
    setCodec(0x7c, 0);
    setCodec(0x26, 0xff00);
    expect([codec(0x02), codec(0x7c), codec(0x26)]).toEqual([0x0a0a, 0x4e53, 0xff0f]);
    setCodec(0x00, 1);
    expect(codec(0x02)).toBe(0x8008);
    setCodec(0x02, 0x0a0a);
    write(AACI.RESET, 0);
    expect(codec(0x02)).toBe(0x8008);
  });
});

describe('a channel (ARM DDI 0173 2.2)', () => {
  it('fills its FIFO of 512 samples while the link does not take them', () => {
    const { read, write } = controller();
    write(AACI.TXCR, FIFO);
    let samples = 0;
    while (!(read(AACI.SR) & ChannelStatus.TXFF)) {
      write(AACI.DR + 4 * (samples % 8), 0);
      samples++;
    }
    expect(samples).toBe(512);
    write(AACI.TXCR, 0);
    expect(read(AACI.SR) & ChannelStatus.TXFE).toBe(ChannelStatus.TXFE);
  });

  it('sends a sample for each slot 48,000 times a second, and interrupts when it is half empty', () => {
    const { read, write, wait, interrupt } = controller();
    write(AACI.MAINCR, MainControl.IE);
    write(AACI.TXCR, FIFO);
    for (let i = 0; i < 512; i++) write(AACI.DR, 0);
    write(AACI.IE, ChannelInterrupt.TX);
    write(AACI.TXCR, STEREO);
    wait(127 * FRAME_NS);
    expect(interrupt.level).toBe(false);
    wait(2 * FRAME_NS);
    expect([interrupt.level, read(AACI.ISR), read(AACI.ALLINTS)]).toEqual([true, 4, 4]);
    write(AACI.MAINCR, 0);
    expect(interrupt.level).toBe(false);
    wait(200 * FRAME_NS);
    expect(read(AACI.SR) & ChannelStatus.TXU).toBe(ChannelStatus.TXU);
    write(AACI.TXCR, FIFO);
    write(AACI.INTCLR, 0x20);
    expect(read(AACI.SR) & ChannelStatus.TXU).toBe(0);
  });

  it('asks for no time while nothing goes over the link', () => {
    const { write, clock } = controller();
    write(AACI.IE, ChannelInterrupt.ALL);
    write(AACI.TXCR, FIFO);
    expect(clock.nextDeadlineNs()).toBe(Number.POSITIVE_INFINITY);
  });

  it('records silence, and overruns where nobody reads it', () => {
    const { read, write, wait, interrupt } = controller();
    const at = (register: number): number => register + CHANNEL_BYTES;
    write(AACI.MAINCR, MainControl.IE);
    write(at(AACI.IE), ChannelInterrupt.RX);
    write(at(AACI.RXCR), STEREO);
    wait(130 * FRAME_NS);
    expect([interrupt.level, read(at(AACI.ISR))]).toEqual([true, 8]);
    for (let i = 0; i < 10; i++) expect(read(AACI.DR + 0x20)).toBe(0);
    expect(interrupt.level).toBe(false);
    wait(1e9);
    expect(read(at(AACI.SR)) & (ChannelStatus.RXO | ChannelStatus.RXFF)).toBe(0x110);
    write(at(AACI.RXCR), 0);
    write(AACI.INTCLR, 4);
    expect(read(at(AACI.SR)) & ChannelStatus.RXO).toBe(0);
  });
});

describe('the device', () => {
  it('identifies itself as PL041, and is never busy', () => {
    const { read } = controller();
    const bytes = Array.from({ length: 8 }, (_unused, i) => read(AACI.PeriphID0 + 4 * i));
    expect(bytes).toEqual([0x41, 0x10, 0x04, 0x29, 0x0d, 0xf0, 0x05, 0xb1]);
    expect([read(AACI.MAINFR), read(AACI.SLFR)]).toEqual([0, SlotFlag.TXE1 | SlotFlag.TXE2 | SlotFlag.TXE12]);
  });

  it('goes on from a copy of its state', () => {
    const from = controller();
    from.setCodec(0x02, 0x1111);
    from.write(AACI.TXCR, FIFO);
    for (let i = 0; i < 300; i++) from.write(AACI.DR, 0);
    from.write(AACI.MAINCR, MainControl.IE);
    from.write(AACI.IE, ChannelInterrupt.TX);
    from.write(AACI.TXCR, STEREO);
    const to = controller();
    to.aaci.restoreState(from.aaci.saveState());
    expect(to.codec(0x02)).toBe(0x1111);
    to.wait(25 * FRAME_NS);
    expect(to.interrupt.level).toBe(true);
    to.aaci.reset();
    expect([to.interrupt.level, to.codec(0x02)]).toEqual([false, 0x8008]);
    const saved = from.aaci.saveState();
    expect(() => to.aaci.restoreState({ ...saved, channels: [] })).toThrow(RangeError);
  });
});
