import { describe, expect, it } from 'vitest';
import { Pl011, type Pl011State } from '../../src/devices/pl011.ts';
import { Control, Flag, Interrupt, LineControl, UART } from '../../src/devices/pl011-registers.ts';
import { InstructionClock } from '../../src/machine/clock.ts';
import { Probe } from './gic-v2-fixture.ts';

const ALL = 0xffffffff;

function uartAt(onReceiveSpace?: () => void) {
  const clock = new InstructionClock(1);
  const interrupt = new Probe();
  const sent: number[] = [];
  const uart = new Pl011({
    clock,
    clockFrequency: 24_000_000,
    interrupt,
    transmit: (byte) => sent.push(byte),
    ...(onReceiveSpace && { onReceiveSpace }),
  });
  const read = (register: number) => uart.read(register, 4);
  const write = (register: number, value: number) => uart.write(register, 4, value);
  const receive = (...bytes: number[]) => bytes.map((byte) => uart.receive(byte));
  const goTo = (ns: number) => {
    clock.skipTo(ns);
    clock.runDue();
  };
  return { uart, clock, interrupt, sent, read, write, receive, goTo };
}

const bytes = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

describe('reset (ARM DDI 0183 table 3-1)', () => {
  it('gives the documented values', () => {
    const { read } = uartAt();
    expect(read(UART.FR)).toBe(Flag.TXFE | Flag.RXFE);
    expect(read(UART.CR)).toBe(Control.RXE | Control.TXE);
    expect(read(UART.IFLS)).toBe(0x12);
    for (const register of [
      UART.RSR_ECR,
      UART.ILPR,
      UART.IBRD,
      UART.FBRD,
      UART.LCR_H,
      UART.IMSC,
      UART.RIS,
      UART.MIS,
      UART.DMACR,
    ]) {
      expect(read(register)).toBe(0);
    }
  });

  it('drops received bytes, lowers the interrupt and says that there is space', () => {
    let spaces = 0;
    const { uart, interrupt, read, write, receive } = uartAt(() => spaces++);
    write(UART.IMSC, Interrupt.Receive);
    receive(1);
    uart.reset();
    expect(read(UART.FR)).toBe(Flag.TXFE | Flag.RXFE);
    expect([interrupt.level, uart.canReceive, spaces]).toEqual([false, true, 1]);
  });
});

describe('the registers’ writable bits (ARM DDI 0183 3.3)', () => {
  it.each([
    ['UARTILPR', UART.ILPR, 0xff],
    ['UARTIBRD', UART.IBRD, 0xffff],
    ['UARTFBRD', UART.FBRD, 0x3f],
    ['UARTLCR_H', UART.LCR_H, 0xff],
    ['UARTCR', UART.CR, 0xff87],
    ['UARTIFLS', UART.IFLS, 0x3f],
    ['UARTIMSC', UART.IMSC, 0x7ff],
    ['UARTDMACR', UART.DMACR, 7],
  ])('%s', (_name, register, mask) => {
    const { read, write } = uartAt();
    write(register, ALL);
    expect(read(register)).toBe(mask);
    write(register, 0);
    expect(read(register)).toBe(0);
  });

  it('are not there in read-only registers', () => {
    const { read, write } = uartAt();
    for (const register of [UART.FR, UART.RIS, UART.MIS, UART.PeriphID0]) {
      const before = read(register);
      write(register, ALL);
      expect(read(register)).toBe(before);
    }
  });

  it('can be read as bytes and half words', () => {
    const { uart, write } = uartAt();
    write(UART.IBRD, 0x1234);
    expect(uart.read(UART.IBRD, 2)).toBe(0x1234);
    expect(uart.read(UART.IBRD, 1)).toBe(0x34);
    expect(uart.read(UART.IBRD + 1, 1)).toBe(0x12);
  });
});

describe('identification (ARM DDI 0183 3.3.15, 3.3.16)', () => {
  it('is PL011 revision 1, from which drivers conclude FIFOs of 16', () => {
    const { read, write, receive } = uartAt();
    const id = Array.from({ length: 8 }, (_, i) => read(UART.PeriphID0 + i * 4));
    expect(id).toEqual([0x11, 0x10, 0x14, 0, 0x0d, 0xf0, 0x05, 0xb1]);
    write(UART.LCR_H, LineControl.FEN);
    expect(receive(...bytes(17)).filter(Boolean)).toHaveLength(16);
  });
});

describe('sending', () => {
  it('passes the 8 data bits of UARTDR on at once, so the FIFO is never full', () => {
    const { read, write, sent, uart } = uartAt();
    write(UART.DR, 0x1141);
    uart.write(UART.DR, 1, 0x42);
    expect(sent).toEqual([0x41, 0x42]);
    expect(read(UART.FR)).toBe(Flag.TXFE | Flag.RXFE);
  });

  it('asserts UARTTXINTR as the FIFO falls through its level, until it is cleared (2.8.3)', () => {
    const { read, write, interrupt } = uartAt();
    write(UART.IMSC, Interrupt.Transmit);
    expect(interrupt.level).toBe(false);
    write(UART.DR, 0x41);
    expect(interrupt.level).toBe(true);
    expect([read(UART.RIS), read(UART.MIS)]).toEqual([Interrupt.Transmit, Interrupt.Transmit]);
    write(UART.ICR, Interrupt.Transmit);
    expect([interrupt.level, read(UART.RIS)]).toEqual([false, 0]);
    write(UART.DR, 0x42);
    expect(interrupt.level).toBe(true);
  });
});

describe('receiving', () => {
  it('holds one byte without FIFOs', () => {
    const { uart, read, receive } = uartAt();
    expect(receive(0x41, 0x42)).toEqual([true, false]);
    expect(read(UART.FR)).toBe(Flag.TXFE | Flag.RXFF);
    expect([uart.canReceive, read(UART.DR), uart.canReceive]).toEqual([false, 0x41, true]);
    expect(read(UART.FR)).toBe(Flag.TXFE | Flag.RXFE);
  });

  it('keeps the order over many turns of the FIFO', () => {
    const { read, write, receive } = uartAt();
    write(UART.LCR_H, LineControl.FEN);
    const out: number[] = [];
    for (let i = 0; i < 50; i++) {
      receive(i * 2, i * 2 + 1);
      out.push(read(UART.DR), read(UART.DR));
    }
    expect(out).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });

  it('reads zero from an empty FIFO', () => {
    const { read } = uartAt();
    expect(read(UART.DR)).toBe(0);
  });

  it.each([
    [0, 2],
    [1, 4],
    [2, 8],
    [3, 12],
    [4, 14],
  ])(
    'asserts UARTRXINTR at trigger level %i with %i bytes, until there are fewer (2.8.2)',
    (select, count) => {
      const { read, write, receive, interrupt } = uartAt();
      write(UART.LCR_H, LineControl.FEN);
      write(UART.IFLS, select << 3);
      write(UART.IMSC, Interrupt.Receive);
      receive(...bytes(count - 1));
      expect(interrupt.level).toBe(false);
      receive(0x55);
      expect(interrupt.level).toBe(true);
      read(UART.DR);
      expect([interrupt.level, read(UART.RIS)]).toEqual([false, 0]);
    },
  );

  it('asserts UARTRXINTR with each byte without FIFOs', () => {
    const { read, write, receive, interrupt } = uartAt();
    write(UART.IMSC, Interrupt.Receive);
    receive(1);
    expect(interrupt.level).toBe(true);
    read(UART.DR);
    expect(interrupt.level).toBe(false);
  });

  it('clears UARTRXINTR by UARTICR too; the next byte asserts it again', () => {
    const { write, receive, interrupt } = uartAt();
    write(UART.LCR_H, LineControl.FEN);
    write(UART.IFLS, 0);
    write(UART.IMSC, Interrupt.Receive);
    receive(1, 2);
    write(UART.ICR, Interrupt.Receive);
    expect(interrupt.level).toBe(false);
    receive(3);
    expect(interrupt.level).toBe(true);
  });

  it('takes the byte of the holding register along into the FIFO when FEN is set', () => {
    const { read, write, receive, uart } = uartAt();
    receive(1);
    write(UART.LCR_H, LineControl.FEN);
    expect(receive(2)).toEqual([true]);
    write(UART.LCR_H, LineControl.FEN | 0x60);
    expect([read(UART.DR), read(UART.DR), uart.canReceive]).toEqual([1, 2, true]);
  });

  it('empties the FIFO when FEN is cleared', () => {
    let spaces = 0;
    const { read, write, receive, interrupt, clock } = uartAt(() => spaces++);
    write(UART.LCR_H, LineControl.FEN);
    write(UART.IMSC, Interrupt.Receive);
    receive(...bytes(16));
    write(UART.LCR_H, 0);
    expect(read(UART.FR) & Flag.RXFE).toBe(Flag.RXFE);
    expect([read(UART.RIS), interrupt.level, spaces]).toEqual([0, false, 1]);
    expect(clock.nextDeadlineNs()).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('UARTRTINTR (ARM DDI 0183 2.8.4)', () => {
  /** 24 MHz / (16 * (13 + 1/64)) baud: 32 bits take this long. */
  const PERIOD = 32 * Math.ceil((13 * 64 + 1) / 4 / 0.024);

  function timedUart() {
    const parts = uartAt();
    parts.write(UART.IBRD, 13);
    parts.write(UART.FBRD, 1);
    parts.write(UART.LCR_H, LineControl.FEN);
    parts.write(UART.IMSC, Interrupt.ReceiveTimeout);
    return parts;
  }

  it('is asserted when the FIFO is not empty and nothing comes for 32 bit periods', () => {
    const { receive, goTo, interrupt, read } = timedUart();
    receive(1);
    goTo(PERIOD - 1);
    expect(interrupt.level).toBe(false);
    goTo(PERIOD);
    expect(interrupt.level).toBe(true);
    expect(read(UART.RIS)).toBe(Interrupt.ReceiveTimeout);
  });

  it('starts again with each byte', () => {
    const { receive, goTo, interrupt } = timedUart();
    receive(1);
    goTo(PERIOD - 1);
    receive(2);
    goTo(PERIOD);
    expect(interrupt.level).toBe(false);
    goTo(2 * PERIOD - 1);
    expect(interrupt.level).toBe(true);
  });

  it('is cleared when the FIFO becomes empty, not before', () => {
    const { receive, goTo, interrupt, read, clock } = timedUart();
    receive(1, 2);
    goTo(PERIOD);
    read(UART.DR);
    expect(interrupt.level).toBe(true);
    read(UART.DR);
    expect(interrupt.level).toBe(false);
    expect(clock.nextDeadlineNs()).toBe(Number.POSITIVE_INFINITY);
  });

  it('comes again after UARTICR while bytes are left', () => {
    const { receive, goTo, interrupt, write } = timedUart();
    receive(1);
    goTo(PERIOD);
    write(UART.ICR, Interrupt.ReceiveTimeout);
    expect(interrupt.level).toBe(false);
    goTo(2 * PERIOD);
    expect(interrupt.level).toBe(true);
  });

  it('comes after a while also with no divisor set', () => {
    const { receive, goTo, write, interrupt } = uartAt();
    write(UART.IMSC, Interrupt.ReceiveTimeout);
    receive(1);
    goTo(1e6);
    expect(interrupt.level).toBe(true);
  });
});

describe('the host’s side', () => {
  it('is told when a full FIFO has space, so that nothing pasted is lost', () => {
    const input = Array.from({ length: 1000 }, (_, i) => i & 0xff);
    let next = 0;
    const pump = () => {
      while (next < input.length && uart.receive(input[next])) {
        next++;
      }
    };
    const { uart, read, write } = uartAt(pump);
    write(UART.LCR_H, LineControl.FEN);
    pump();
    expect(next).toBe(16);
    const got: number[] = [];
    while (!(read(UART.FR) & Flag.RXFE)) {
      got.push(read(UART.DR));
    }
    expect(got).toEqual(input);
  });

  it('is told once for each time that the FIFO was full', () => {
    let spaces = 0;
    const { read, write, receive } = uartAt(() => spaces++);
    write(UART.LCR_H, LineControl.FEN);
    receive(1, 2);
    read(UART.DR);
    expect(spaces).toBe(0);
    receive(...bytes(20));
    read(UART.DR);
    read(UART.DR);
    expect(spaces).toBe(1);
  });
});

describe('loopback (ARM DDI 0183 3.3.8, UARTCR.LBE)', () => {
  const LOOP = Control.UARTEN | Control.LBE | Control.TXE | Control.RXE;

  it('feeds what is sent to the receiver and cuts the wires', () => {
    const { uart, read, write, sent } = uartAt();
    write(UART.CR, LOOP);
    write(UART.DR, 0x5a);
    expect(sent).toEqual([]);
    expect([uart.canReceive, uart.receive(1), uart.receiveBreak()]).toEqual([false, false, false]);
    expect(read(UART.DR)).toBe(0x5a);
  });

  it('tells the host when the wire is back', () => {
    let spaces = 0;
    const { uart, write } = uartAt(() => spaces++);
    write(UART.CR, LOOP);
    write(UART.CR, Control.UARTEN);
    expect([spaces, uart.canReceive]).toEqual([1, true]);
  });

  it('overruns: the FIFO keeps its bytes, UARTRSR.OE and UARTOEINTR are set until cleared', () => {
    const { read, write, interrupt } = uartAt();
    write(UART.CR, LOOP);
    write(UART.IMSC, Interrupt.Overrun);
    write(UART.DR, 1);
    expect(interrupt.level).toBe(false);
    write(UART.DR, 2);
    expect([interrupt.level, read(UART.RSR_ECR)]).toEqual([true, 8]);
    expect(read(UART.DR)).toBe(1);
    expect(read(UART.RSR_ECR)).toBe(8);
    write(UART.RSR_ECR, 0);
    write(UART.ICR, Interrupt.Overrun);
    expect([interrupt.level, read(UART.RSR_ECR)]).toEqual([false, 0]);
  });

  it('connects RTS to CTS, DTR to DSR, Out1 to DCD and Out2 to RI', () => {
    const { read, write } = uartAt();
    const modem = Flag.CTS | Flag.DSR | Flag.DCD | Flag.RI;
    for (const [output, input] of [
      [Control.RTS, Flag.CTS],
      [Control.DTR, Flag.DSR],
      [Control.Out1, Flag.DCD],
      [Control.Out2, Flag.RI],
    ]) {
      write(UART.CR, LOOP | output);
      expect(read(UART.FR) & modem).toBe(input);
      write(UART.CR, output);
      expect(read(UART.FR) & modem).toBe(0);
    }
  });

  it('turns a sent break into a received one', () => {
    const { read, write } = uartAt();
    write(UART.CR, LOOP);
    write(UART.LCR_H, LineControl.BRK);
    expect(read(UART.DR)).toBe(0x400);
  });
});

describe('break (ARM DDI 0183 3.3.1, 3.3.2)', () => {
  it('is one zero byte with BE, in UARTRSR after it was read, and UARTBEINTR', () => {
    const { uart, read, write, receive, interrupt } = uartAt();
    write(UART.LCR_H, LineControl.FEN);
    write(UART.IMSC, Interrupt.Break);
    expect(uart.receiveBreak()).toBe(true);
    receive(0x41);
    expect(interrupt.level).toBe(true);
    expect([read(UART.DR), read(UART.RSR_ECR)]).toEqual([0x400, 4]);
    expect([read(UART.DR), read(UART.RSR_ECR)]).toEqual([0x41, 0]);
    write(UART.ICR, Interrupt.Break);
    expect(interrupt.level).toBe(false);
  });
});

describe('a copy of the state', () => {
  it('goes on with its bytes, its interrupt and its timeout', () => {
    const from = uartAt();
    from.write(UART.LCR_H, LineControl.FEN);
    from.write(UART.IMSC, Interrupt.ReceiveTimeout | Interrupt.Transmit);
    from.write(UART.DR, 1);
    from.receive(7);
    const to = uartAt();
    const state = from.uart.saveState();
    expect(from.read(UART.DR)).toBe(7);
    to.uart.restoreState(state);
    // Its wire's other end keeps the level itself.
    expect(to.interrupt.level).toBe(false);
    expect(to.read(UART.MIS)).toBe(Interrupt.Transmit);
    to.write(UART.ICR, Interrupt.Transmit);
    expect(to.interrupt.level).toBe(false);
    to.goTo(1e6);
    expect(to.interrupt.level).toBe(true);
    expect(to.read(UART.DR)).toBe(7);
  });

  it('keeps the deadline of its timeout', () => {
    const from = uartAt();
    from.write(UART.LCR_H, LineControl.FEN);
    from.write(UART.IMSC, Interrupt.ReceiveTimeout);
    from.receive(7);
    const state = from.uart.saveState();
    const to = uartAt();
    to.uart.restoreState(state);
    to.goTo(state.timeoutNs - 1);
    expect(to.interrupt.level).toBe(false);
    to.goTo(state.timeoutNs);
    expect(to.interrupt.level).toBe(true);
  });

  it('is refused when it is none', () => {
    const { uart } = uartAt();
    const state = uart.saveState();
    const { fifo: _fifo, ...few } = state.registers;
    for (const registers of [
      few,
      { ...state.registers, fifoHead: 99 },
      { ...state.registers, mask: 'x' },
      {},
    ]) {
      expect(() => uart.restoreState({ ...state, registers: registers as Pl011State })).toThrow(RangeError);
    }
  });
});
