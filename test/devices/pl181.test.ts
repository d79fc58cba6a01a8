import { describe, expect, it } from 'vitest';
import { Pl181 } from '../../src/devices/pl181.ts';
import { MCI, MciStatus } from '../../src/devices/pl181-registers.ts';
import { SdCard } from '../../src/devices/sd/sd-card.ts';
import { InstructionClock } from '../../src/machine/clock.ts';
import { Probe } from './gic-v2-fixture.ts';
import { MemoryDisk, turns } from './virtio/memory-disk.ts';

const KIB = 2 ** 10;
const RCA = 0x4567_0000;
/** MCICommand: enabled, with a response, with a long one. */
const ENABLE = 0x400;
const SHORT = 0x440;
const LONG = 0x4c0;
/** MCIDataCtrl: enabled, blocks of 512 bytes. */
const SEND = 0x91;
const RECEIVE = 0x93;
const { DataEnd, DataBlockEnd, RxActive, TxActive } = MciStatus;

function controller({ empty = false, readOnly = false } = {}) {
  const disk = new MemoryDisk(256 * KIB, readOnly);
  const clock = new InstructionClock(10);
  const card = new SdCard({ disk, clock });
  const interrupts = [new Probe(), new Probe()] as const;
  const mci = new Pl181({ ...(empty ? {} : { card }), clock, clockFrequency: 24e6, interrupts });
  const read = (register: number): number => mci.read(register, 4);
  const write = (register: number, value: number): void => mci.write(register, 4, value);
  const command = (index: number, argument = 0, kind = SHORT): number => {
    write(MCI.Clear, MciStatus.STATIC);
    write(MCI.Argument, argument);
    write(MCI.Command, kind | index);
    return read(MCI.Status) & 0xff;
  };
  /** Lets the disk and the clock go on. */
  const wait = async (ns = 1e6): Promise<void> => {
    clock.skipTo(clock.nowNs() + ns);
    clock.runDue();
    await turns();
  };
  const select = (): void => {
    command(0, 0, ENABLE);
    command(55);
    command(41, 0x40ff_8000);
    command(2, 0, LONG);
    command(3);
    command(7, RCA);
    write(MCI.Clear, MciStatus.STATIC);
  };
  const start = (length: number, control: number, timer = 1e6): void => {
    write(MCI.DataTimer, timer);
    write(MCI.DataLength, length);
    write(MCI.DataCtrl, control);
  };
  return { mci, disk, clock, interrupts, read, write, command, wait, select, start };
}

function wordsOf(bytes: Uint8Array): number[] {
  return [...new Uint32Array(bytes.slice().buffer)];
}

describe('the command path (ARM DDI 0172 2.2.3)', () => {
  it('sets CmdSent for a command without response, CmdRespEnd with one, CmdTimeOut where none comes', () => {
    const { command, read } = controller();
    expect(command(0, 0, ENABLE)).toBe(MciStatus.CmdSent);
    expect(command(8, 0x1aa)).toBe(MciStatus.CmdRespEnd);
    expect([read(MCI.RespCmd), read(MCI.Response0)]).toEqual([8, 0x1aa]);
    expect(command(9, 0, LONG)).toBe(MciStatus.CmdTimeOut);
    expect(controller({ empty: true }).command(8, 0x1aa)).toBe(MciStatus.CmdTimeOut);
  });

  it('keeps 127 bits of a long response, the highest first', () => {
    const { command, read } = controller();
    command(55);
    command(41, 0x40ff_8000);
    expect(read(MCI.RespCmd)).toBe(0x3f);
    expect(command(2, 0, LONG)).toBe(MciStatus.CmdRespEnd);
    const words = [0, 4, 8, 12].map((at) => read(MCI.Response0 + at));
    expect([words[0], words[1]]).toEqual([0xaa41_4541, 0x524d_454d]);
    expect(words[3] & 1).toBe(0);
    expect(read(MCI.RespCmd)).toBe(0x3f);
  });

  it('sends nothing without Enable', () => {
    expect(controller().command(8, 0x1aa, 0x40)).toBe(0);
  });
});

describe('the data path (2.2.4)', () => {
  it('receives a block through the FIFO and ends when it has been read', async () => {
    const { disk, read, command, select, start, wait } = controller();
    select();
    start(512, RECEIVE);
    expect(read(MCI.Status)).toBe(RxActive | MciStatus.RxFifoEmpty);
    expect(read(MCI.FifoCnt)).toBe(128);
    command(17, 1024);
    await wait();
    expect(read(MCI.Status) & 0x3f_f700).toBe(
      RxActive | MciStatus.RxFifoHalfFull | MciStatus.RxFifoFull | MciStatus.RxDataAvlbl,
    );
    expect([read(MCI.FifoCnt), read(MCI.DataCnt)]).toEqual([112, 448]);
    const words = Array.from({ length: 128 }, (_unused, i) => read(MCI.FIFO + 4 * (i % 16)));
    expect(words).toEqual(wordsOf(disk.bytes.subarray(1024, 1536)));
    expect(read(MCI.Status)).toBe(MciStatus.CmdRespEnd | DataEnd | DataBlockEnd);
    expect(read(MCI.DataCnt)).toBe(0);
  });

  it('refills the FIFO for whoever looks at its flags', async () => {
    const { read, command, select, start, wait } = controller();
    select();
    start(512, RECEIVE);
    command(17, 0);
    await wait();
    for (let i = 0; i < 3; i++) read(MCI.FIFO);
    expect(read(MCI.Status) & MciStatus.RxFifoFull).not.toBe(0);
  });

  it('gives a last word that is not complete with zeros', async () => {
    const { read, command, select, start, wait, disk } = controller();
    select();
    command(16, 6);
    start(6, RECEIVE);
    command(17, 0);
    await wait();
    expect(read(MCI.Status) & MciStatus.RxDataAvlbl).not.toBe(0);
    const [a, b, c, d, e, f] = disk.bytes;
    expect([read(MCI.FIFO), read(MCI.FIFO)]).toEqual(wordsOf(Uint8Array.of(a, b, c, d, e, f, 0, 0)));
    expect(read(MCI.Status) & (RxActive | DataEnd)).toBe(DataEnd);
  });

  it('sends blocks from the FIFO, and waits while the card is busy', async () => {
    const { disk, read, write, command, select, start, wait } = controller();
    select();
    command(25, 512);
    start(127 * 512, SEND);
    expect(read(MCI.Status) & 0x3f_f000).toBe(TxActive | MciStatus.TxFifoHalfEmpty | MciStatus.TxFifoEmpty);
    for (let i = 0; i < 127 * 128; i++) write(MCI.FIFO + 4 * (i % 16), i);
    expect(read(MCI.Status) & (TxActive | DataEnd)).toBe(DataEnd);
    command(12);
    await wait();
    const written = wordsOf(disk.bytes.subarray(512, 128 * 512));
    expect([written[0], written[1], written.at(-1)]).toEqual([0, 1, 127 * 128 - 1]);
  });

  it('takes no more than 16 words while the card takes none', async () => {
    const { disk, read, write, command, select, start, wait } = controller();
    select();
    disk.prompt = false;
    command(25, 0);
    start(0xfe00, SEND);
    for (let i = 0; i < 0xfe00 / 4; i++) write(MCI.FIFO, i);
    start(0xfe00, SEND);
    for (let i = 0; i < 0x200 / 4; i++) write(MCI.FIFO, 1);
    for (let i = 0; i < 17; i++) write(MCI.FIFO, i + 2);
    expect(read(MCI.Status) & (TxActive | MciStatus.TxFifoFull)).toBe(TxActive | MciStatus.TxFifoFull);
    disk.prompt = true;
    await disk.settle();
    await wait();
    expect(read(MCI.Status) & MciStatus.TxFifoEmpty).not.toBe(0);
    expect(read(MCI.DataCnt)).toBe(0xfe00 - 0x200 - 64);
  });

  it('times out where no data comes, after MCIDataTimer periods of the card clock', async () => {
    const { clock, read, write, select, start, wait, interrupts } = controller();
    select();
    write(MCI.Clock, 0x100 | 11);
    write(MCI.Mask0, MciStatus.DataTimeOut);
    start(512, RECEIVE, 1000);
    // 24 MHz / (2 * (11 + 1)): 1 MHz.
    expect(clock.nextDeadlineNs() - clock.nowNs()).toBe(1e6);
    await wait(1e6 - 1);
    expect(read(MCI.Status) & MciStatus.DataTimeOut).toBe(0);
    await wait(1);
    expect(read(MCI.Status)).toBe(MciStatus.DataTimeOut);
    expect(interrupts[0].level).toBe(true);
  });

  it("does not count the time that the host's disk takes", async () => {
    const { disk, read, command, select, start, wait } = controller();
    select();
    disk.prompt = false;
    start(512, RECEIVE, 1);
    command(17, 0);
    await wait(1e9);
    expect(read(MCI.Status) & MciStatus.DataTimeOut).toBe(0);
    await disk.settle();
    await wait();
    expect(read(MCI.Status) & MciStatus.RxDataAvlbl).not.toBe(0);
  });
});

describe('interrupts (2.2.6)', () => {
  it('MCIINTR0 and MCIINTR1 follow the status by a mask each, static flags until MCIClear', () => {
    const { read, write, command, interrupts } = controller();
    write(MCI.Mask0, MciStatus.CmdRespEnd);
    command(8, 0x1aa);
    expect([interrupts[0].level, interrupts[1].level]).toEqual([true, false]);
    write(MCI.Mask1, MciStatus.CmdRespEnd);
    write(MCI.Mask0, 0);
    expect([interrupts[0].level, interrupts[1].level]).toEqual([false, true]);
    write(MCI.Clear, MciStatus.CmdRespEnd);
    expect(interrupts[1].level).toBe(false);
    expect([read(MCI.Mask0), read(MCI.Mask1)]).toEqual([0, MciStatus.CmdRespEnd]);
  });

  it('by FIFO flags come and go with the data', async () => {
    const { read, write, command, select, start, wait, interrupts } = controller();
    select();
    write(MCI.Mask1, MciStatus.RxFifoHalfFull);
    start(512, RECEIVE);
    command(17, 0);
    expect(interrupts[1].level).toBe(false);
    await wait();
    expect(interrupts[1].level).toBe(true);
    for (let i = 0; i < 120; i++) read(MCI.FIFO);
    expect(interrupts[1].level).toBe(true);
    read(MCI.FIFO);
    expect(interrupts[1].level).toBe(false);
  });
});

describe('the device', () => {
  it('identifies itself as PL181', () => {
    const { read } = controller();
    const bytes = Array.from({ length: 8 }, (_unused, i) => read(MCI.PeriphID0 + 4 * i));
    expect(bytes).toEqual([0x81, 0x11, 0x04, 0, 0x0d, 0xf0, 0x05, 0xb1]);
  });

  it('knows of its slot whether a card is in, and whether that is protected', () => {
    expect([controller().mci.cardPresent, controller().mci.writeProtected]).toEqual([true, false]);
    expect(controller({ readOnly: true }).mci.writeProtected).toBe(true);
    expect(controller({ empty: true }).mci.cardPresent).toBe(false);
  });

  it('keeps what is written into its registers, within their widths', () => {
    const { read, write } = controller();
    const registers = [
      [MCI.Power, 0xff],
      [MCI.Clock, 0xfff],
      [MCI.Argument, 0xffff_ffff],
      [MCI.DataTimer, 0xffff_ffff],
      [MCI.DataLength, 0xffff],
      [MCI.Select, 0xf],
      [MCI.Mask0, 0x3f_ffff],
    ] as const;
    for (const [register, kept] of registers) {
      write(register, 0xffff_ffff);
      expect(read(register)).toBe(kept);
    }
  });

  it('is as at power on after a reset, and so is the card', async () => {
    const { mci, read, write, command, select, start } = controller();
    select();
    write(MCI.Mask0, 1);
    start(512, RECEIVE);
    mci.reset();
    expect([read(MCI.Status), read(MCI.Mask0), read(MCI.DataCtrl)]).toEqual([0, 0, 0]);
    expect(command(13, RCA)).toBe(MciStatus.CmdTimeOut);
  });

  it('goes on from a copy of its state in the midst of a block', async () => {
    const from = controller();
    from.select();
    from.start(512, RECEIVE);
    from.command(17, 0);
    await from.wait();
    const words = [from.read(MCI.FIFO), from.read(MCI.FIFO)];
    const card = new SdCard({ disk: from.disk, clock: from.clock });
    const to = new Pl181({
      card,
      clock: from.clock,
      clockFrequency: 24e6,
      interrupts: [new Probe(), new Probe()],
    });
    to.restoreState(from.mci.saveState());
    // The card's own state is saved by itself; here the rest of the block is not asked for.
    for (let i = 2; i < 16; i++) words.push(to.read(MCI.FIFO, 4));
    expect(words).toEqual(wordsOf(from.disk.bytes.subarray(0, 64)));
    const damaged = from.mci.saveState();
    expect(() => to.restoreState({ ...damaged, registers: { ...damaged.registers, fifoCount: 65 } })).toThrow(
      RangeError,
    );
  });
});
