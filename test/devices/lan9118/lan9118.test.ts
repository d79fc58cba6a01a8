import { describe, expect, it } from 'vitest';
import { addressHash, frameCheckSequence } from '../../../src/devices/lan9118/ethernet-crc.ts';
import { Lan9118 } from '../../../src/devices/lan9118/lan9118.ts';
import { Int, LAN, MAC, MacCr, RxStatus } from '../../../src/devices/lan9118/registers.ts';
import { InstructionClock } from '../../../src/machine/clock.ts';
import { Probe } from '../gic-v2-fixture.ts';

const OWN = [0x52, 0x54, 0, 0x12, 0x34, 0x56] as const;
const OTHER = [0x52, 0x54, 0, 0x99, 0x99, 0x99] as const;
const BROADCAST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] as const;
const GROUP = [1, 0, 0x5e, 0, 0, 0xfb] as const;
const BUSY = 0x8000_0000;
/** Positive, push-pull, enabled. */
const IRQ_HIGH = 0x111;

function frameTo(destination: readonly number[], length = 60): Uint8Array {
  const frame = Uint8Array.from({ length }, (_unused, i) => i);
  frame.set(destination);
  frame.set(OTHER, 6);
  frame.set([0x08, 0x00], 12);
  return frame;
}

function chip() {
  const clock = new InstructionClock(10);
  const sent: Uint8Array[] = [];
  const network = {
    name: 'a test',
    connect: async () => {},
    send: (frame: Uint8Array) => void sent.push(frame.slice()),
    close: async () => {},
  };
  const interrupt = new Probe();
  const lan = new Lan9118({ network, mac: Uint8Array.from(OWN), clock, interrupt });
  const read = (register: number): number => lan.read(register, 4);
  const write = (register: number, value: number): void => lan.write(register, 4, value >>> 0);
  const mac = (register: number, value?: number): number => {
    if (value !== undefined) write(LAN.MAC_CSR_DATA, value);
    write(LAN.MAC_CSR_CMD, BUSY + (value === undefined ? 0x4000_0000 : 0) + register);
    return read(LAN.MAC_CSR_DATA);
  };
  const phy = (register: number, value?: number): number => {
    if (value !== undefined) mac(MAC.MII_DATA, value);
    mac(MAC.MII_ACC, (1 << 11) | (register << 6) | (value === undefined ? 0 : 2) | 1);
    return mac(MAC.MII_DATA);
  };
  const start = (filter = 0): void => {
    mac(MAC.CR, MacCr.TXEN | MacCr.RXEN | filter);
    write(LAN.TX_CFG, 2);
    write(LAN.IRQ_CFG, IRQ_HIGH);
  };
  const wait = (ns: number): void => {
    clock.skipTo(clock.nowNs() + ns);
    clock.runDue();
  };
  const arrive = (frame: Uint8Array): boolean => {
    const taken = lan.receive(frame);
    wait(1);
    return taken;
  };
  const sendWords = (words: readonly number[]): void => {
    for (const word of words) write(LAN.TX_DATA, word);
  };
  /** Sends a frame by one buffer. */
  const send = (frame: Uint8Array, flags = 0): void => {
    const padded = new Uint8Array(Math.ceil(frame.length / 4) * 4);
    padded.set(frame);
    sendWords([0x3000 + frame.length + flags, 0xabc_0000 + frame.length, ...new Uint32Array(padded.buffer)]);
  };
  const readFrame = (words: number): number[] => [
    ...new Uint8Array(Uint32Array.from({ length: words }, () => read(LAN.RX_DATA)).buffer),
  ];
  return {
    lan,
    clock,
    sent,
    interrupt,
    read,
    write,
    mac,
    phy,
    start,
    wait,
    arrive,
    send,
    sendWords,
    readFrame,
  };
}

describe('the LAN9118', () => {
  it('tells who it is, and keeps its test pattern', () => {
    const { read, write } = chip();
    expect(read(LAN.ID_REV)).toBe(0x0118_0001);
    write(LAN.BYTE_TEST, 0);
    expect(read(LAN.BYTE_TEST)).toBe(0x8765_4321);
    expect(read(LAN.HW_CFG)).toBe(0x0005_0004);
    expect(read(LAN.PMT_CTRL) & 1).toBe(1);
  });

  it('loads its address from the EEPROM at power on, after a soft reset, and when told', () => {
    const { read, write, mac } = chip();
    const address = () => [mac(MAC.ADDRL), mac(MAC.ADDRH)];
    expect(address()).toEqual([0x1200_5452, 0x5634]);
    expect(read(LAN.E2P_CMD) & 0x100).toBe(0x100);
    mac(MAC.ADDRL, 0x1234_5678);
    write(LAN.HW_CFG, 1);
    expect(read(LAN.HW_CFG) & 1).toBe(0);
    expect(address()).toEqual([0x1200_5452, 0x5634]);
    // EWEN, WRITE of byte 1, RELOAD.
    write(LAN.E2P_CMD, BUSY + 0x2000_0000);
    write(LAN.E2P_DATA, 0x02);
    write(LAN.E2P_CMD, BUSY + 0x3000_0001);
    write(LAN.E2P_CMD, BUSY + 1);
    expect(read(LAN.E2P_DATA)).toBe(2);
    write(LAN.E2P_CMD, BUSY + 0x7000_0000);
    expect(address()).toEqual([0x1200_5402, 0x5634]);
  });

  it('takes words only', () => {
    const { lan } = chip();
    expect(lan.read(LAN.BYTE_TEST, 2)).toBe(0);
    lan.write(LAN.INT_EN, 1, 1);
    expect(lan.read(LAN.INT_EN, 4)).toBe(0);
  });

  it('counts at 25 MHz, and has a timer at 10 kHz', () => {
    const { read, write, wait } = chip();
    const before = read(LAN.FREE_RUN);
    wait(4000);
    expect(read(LAN.FREE_RUN) - before).toBe(100);
    write(LAN.GPT_CFG, 0x2000_0009);
    wait(500_000);
    expect([read(LAN.GPT_CNT), read(LAN.INT_STS) & Int.GPT]).toEqual([4, 0]);
    wait(500_000);
    expect([read(LAN.GPT_CNT), read(LAN.INT_STS) & Int.GPT]).toEqual([9, Int.GPT]);
  });
});

describe('the PHY (5.5)', () => {
  it('is a LAN911x PHY at address 1, and nothing is at others', () => {
    const { phy, mac } = chip();
    expect([phy(2), phy(3)]).toEqual([7, 0xc0d1]);
    mac(MAC.MII_ACC, (2 << 11) | (2 << 6) | 1);
    expect(mac(MAC.MII_DATA)).toBe(0xffff);
  });

  it('negotiates at once, says so by an interrupt, and forgets that when it is read', () => {
    const { phy, read, write, interrupt } = chip();
    write(LAN.IRQ_CFG, IRQ_HIGH);
    write(LAN.INT_EN, Int.PHY);
    phy(30, 0x40);
    expect(interrupt.level).toBe(false);
    phy(0, 0x1200);
    expect([phy(1) & 0x24, phy(5)]).toEqual([0x24, 0x45e1]);
    expect([read(LAN.INT_STS) & Int.PHY, interrupt.level]).toEqual([Int.PHY, true]);
    expect(phy(29)).toBe(0xc0);
    write(LAN.INT_STS, Int.PHY);
    expect(interrupt.level).toBe(false);
  });

  it('gives back what is sent while it is in loopback', () => {
    const { phy, start, send, wait, read, sent, readFrame } = chip();
    start(MacCr.PRMS);
    phy(0, 0x4100);
    const frame = frameTo(OWN);
    send(frame);
    wait(1);
    expect(sent).toEqual([]);
    expect(read(LAN.RX_STATUS) >>> 16).toBe(64);
    expect(readFrame(16)).toEqual([...frame, ...frameCheckSequence(frame)]);
  });
});

describe('sending (3.12)', () => {
  it('sends a frame when its last word is written, and tells its tag', () => {
    const { start, send, sent, read } = chip();
    start();
    const frame = frameTo(OTHER, 61);
    send(frame);
    expect(sent).toEqual([frame]);
    expect(read(LAN.TX_FIFO_INF)).toBe((1 << 16) | 4608);
    expect(read(LAN.TX_STATUS_PEEK)).toBe(0xabc_0000);
    expect(read(LAN.TX_STATUS)).toBe(0xabc_0000);
    expect(read(LAN.TX_FIFO_INF) >>> 16).toBe(0);
  });

  it('puts a frame together from several buffers, each with its offset and alignment', () => {
    const { start, sendWords, sent } = chip();
    start();
    const tag = 0x0001_0000 + 15;
    // First: 6 bytes behind an offset of 1, aligned to 16. Last: 9 bytes behind an offset of 3.
    sendWords([0x0101_2006, tag, 0x0302_01ff, 0xff06_0504, 0xffff_ffff, 0xffff_ffff]);
    sendWords([0x0003_1009, tag, 0x07ff_ffff, 0x0b0a_0908, 0x0f0e_0d0c]);
    const bytes = [...(sent[0] ?? [])];
    expect(bytes.slice(0, 16)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0]);
    expect(bytes.length).toBe(60);
  });

  it('takes off the check sequence that a driver made itself', () => {
    const { start, sendWords, sent } = chip();
    start();
    const frame = frameTo(OTHER, 64);
    sendWords([0x3000 + 68, 0x2000 + 68, ...new Uint32Array(frame.buffer), 0xdead_beef]);
    expect(sent).toEqual([frame]);
  });

  it('holds frames until the transmitter is on', () => {
    const { mac, write, send, sent, read } = chip();
    write(LAN.TX_CFG, 2);
    send(frameTo(OTHER));
    expect([sent.length, read(LAN.TX_FIFO_INF)]).toEqual([0, 4608 - 60]);
    mac(MAC.CR, MacCr.TXEN);
    expect([sent.length, read(LAN.TX_FIFO_INF) & 0xffff]).toEqual([1, 4608]);
  });

  it('holds no more frames than there is room for, even empty ones', () => {
    const { mac, write, sendWords, read, sent } = chip();
    write(LAN.TX_CFG, 2);
    for (let i = 0; i < 1000; i++) sendWords([0x3000, 0x1000]);
    expect(read(LAN.TX_FIFO_INF) & 0xffff).toBe(0);
    expect(read(LAN.INT_STS) & Int.TDFO).toBe(Int.TDFO);
    mac(MAC.CR, MacCr.TXEN);
    expect([sent.length, read(LAN.TX_FIFO_INF) & 0xffff]).toEqual([0, 4608]);
  });

  it('interrupts on completion, for its status, and when there is room', () => {
    const { start, send, write, read, interrupt } = chip();
    start();
    write(LAN.FIFO_INT, 0xff00_0000);
    write(LAN.INT_STS, 0xffff_ffff);
    write(LAN.INT_EN, Int.TX_IOC);
    send(frameTo(OTHER));
    expect(interrupt.level).toBe(false);
    send(frameTo(OTHER), BUSY);
    expect(interrupt.level).toBe(true);
    expect(read(LAN.INT_STS) & (Int.TX_IOC | Int.TSFL | Int.TDFA)).toBe(Int.TX_IOC | Int.TSFL);
    write(LAN.INT_STS, Int.TX_IOC);
    expect(interrupt.level).toBe(false);
    // More than 72 * 64 bytes are never free; 32 * 64 are.
    write(LAN.FIFO_INT, 0x2000_0000);
    expect(read(LAN.INT_STS) & Int.TDFA).toBe(Int.TDFA);
  });

  it('loses statuses that nobody reads, and what no frame can be', () => {
    const { start, sendWords, sent, read } = chip();
    start();
    for (let i = 0; i < 200; i++) sendWords([0x3000 + 4, 4, 0]);
    expect(read(LAN.TX_FIFO_INF) >>> 16).toBe(128);
    expect(sent.length).toBe(200);
    sendWords([0x3000 + 2047, 2047, ...new Array<number>(512).fill(0)]);
    expect(sent.length).toBe(200);
  });
});

describe('receiving (3.13)', () => {
  it('puts frame and check sequence into the FIFO, and what they are into the status', () => {
    const { start, arrive, read, readFrame, write, interrupt } = chip();
    start();
    write(LAN.INT_EN, Int.RSFL);
    const frame = frameTo(OWN, 62);
    expect(arrive(frame)).toBe(true);
    expect(interrupt.level).toBe(true);
    expect(read(LAN.RX_FIFO_INF)).toBe((1 << 16) | 68);
    expect(read(LAN.RX_STATUS_PEEK)).toBe((66 << 16) | RxStatus.FRAME_TYPE);
    expect(read(LAN.RX_STATUS)).toBe((66 << 16) | RxStatus.FRAME_TYPE);
    expect(readFrame(17)).toEqual([...frame, ...frameCheckSequence(frame), 0, 0]);
    write(LAN.INT_STS, Int.RSFL);
    expect([read(LAN.RX_FIFO_INF), interrupt.level]).toEqual([0, false]);
  });

  it('the check sequence is that of IEEE 802.3', () => {
    expect([...frameCheckSequence(new TextEncoder().encode('123456789'))]).toEqual([0x26, 0x39, 0xf4, 0xcb]);
  });

  it('shifts and aligns frames as RX_CFG says', () => {
    const { start, arrive, write, read, readFrame } = chip();
    start();
    write(LAN.RX_CFG, 0x4000_0200);
    arrive(frameTo(OWN));
    expect(read(LAN.RX_FIFO_INF) & 0xffff).toBe(80);
    expect(readFrame(20).slice(0, 8)).toEqual([0, 0, ...OWN]);
    expect(read(LAN.RX_FIFO_INF) & 0xffff).toBe(0);
  });

  it('skips a frame by RX_FFWD, and drops all by RX_DUMP', () => {
    const { start, arrive, write, read, readFrame } = chip();
    start();
    for (let i = 0; i < 3; i++) arrive(frameTo(OWN, 60 + 4 * i));
    readFrame(4);
    write(LAN.RX_DP_CTRL, BUSY);
    expect(read(LAN.RX_DP_CTRL)).toBe(0);
    expect(read(LAN.RX_FIFO_INF)).toBe((3 << 16) | (68 + 72));
    write(LAN.RX_CFG, 0x8000);
    expect(read(LAN.RX_FIFO_INF)).toBe(0);
    expect(read(LAN.RX_DATA)).toBe(0);
    expect(read(LAN.INT_STS) & Int.RXE).toBe(Int.RXE);
  });

  it('lets frames wait that find no room, and takes none while it is off', () => {
    const { lan, start, arrive, read } = chip();
    expect(lan.receive(frameTo(OWN))).toBe(false);
    start();
    for (let i = 0; i < 10; i++) expect(arrive(frameTo(OWN, 1514))).toBe(true);
    // 10,560 bytes of data: six frames of 1,520.
    expect(read(LAN.RX_FIFO_INF)).toBe((6 << 16) | (6 * 1520));
    for (let i = 0; i < 380; i++) read(LAN.RX_DATA);
    expect(read(LAN.RX_FIFO_INF)).toBe((7 << 16) | (6 * 1520));
    for (let i = 0; i < 600; i++) lan.receive(frameTo(OWN));
    expect(read(LAN.RX_DROP)).toBeGreaterThan(80);
    expect(read(LAN.RX_DROP)).toBe(0);
  });

  it.each([
    ['its own address', 0, OWN, true],
    ['another one', 0, OTHER, false],
    ['a broadcast', 0, BROADCAST, true],
    ['a broadcast, where they are off', MacCr.BCAST, BROADCAST, false],
    ['a group', 0, GROUP, false],
    ['a group, where all pass', MacCr.MCPAS, GROUP, true],
    ['anything, in promiscuous mode', MacCr.PRMS, OTHER, true],
    ['its own, by the inverse filter', MacCr.INVFILT, OWN, false],
    ['another, by the inverse filter', MacCr.INVFILT, OTHER, true],
    ['a group that is not in the table', MacCr.HPFILT, GROUP, false],
  ] as const)('filters: %s', (_what, filter, destination, passes) => {
    const { start, arrive, read } = chip();
    start(filter);
    arrive(frameTo(destination));
    expect(read(LAN.RX_FIFO_INF) >>> 16).toBe(passes ? 1 : 0);
  });

  it('finds a group in the hash table, and shows with RXALL what did not pass', () => {
    const { start, arrive, read, mac } = chip();
    start(MacCr.HPFILT);
    const hash = addressHash(Uint8Array.from(GROUP));
    mac(hash < 32 ? MAC.HASHL : MAC.HASHH, 2 ** (hash & 31));
    arrive(frameTo(GROUP));
    expect(read(LAN.RX_STATUS) & RxStatus.MULTICAST).toBe(RxStatus.MULTICAST);
    mac(MAC.CR, (MacCr.RXEN | MacCr.RXALL) >>> 0);
    arrive(frameTo(OTHER));
    expect(read(LAN.RX_STATUS) & RxStatus.FILTERING_FAIL).toBe(RxStatus.FILTERING_FAIL);
  });
});

describe('the interrupt (5.3.2)', () => {
  it('is low for an interrupt unless IRQ_CFG makes it positive and push-pull', () => {
    const { write, read, interrupt } = chip();
    write(LAN.INT_EN, BUSY);
    write(LAN.IRQ_CFG, 0x100);
    expect([read(LAN.INT_STS), interrupt.level]).toEqual([BUSY, false]);
    write(LAN.INT_STS, BUSY);
    expect(interrupt.level).toBe(true);
    write(LAN.IRQ_CFG, IRQ_HIGH);
    expect(interrupt.level).toBe(false);
  });
});

describe('a saved LAN9118', () => {
  it('goes on in the midst of a frame in either direction', () => {
    const from = chip();
    from.start();
    from.sendWords([0x3000 + 60, 60, 0x0403_0201]);
    const frame = frameTo(OWN);
    from.arrive(frame);
    from.lan.receive(frame);
    const first = from.readFrame(3);
    const to = chip();
    to.lan.restoreState(from.lan.saveState());
    to.wait(1);
    expect([...first, ...to.readFrame(13)]).toEqual([...frame, ...frameCheckSequence(frame)]);
    expect(to.read(LAN.RX_FIFO_INF)).toBe((2 << 16) | 64);
    to.sendWords(new Array<number>(14).fill(0));
    expect([...(to.sent[0] ?? [])].slice(0, 5)).toEqual([1, 2, 3, 4, 0]);
    expect(to.mac(MAC.ADDRL)).toBe(0x1200_5452);
    to.lan.reset();
    expect(to.read(LAN.RX_FIFO_INF)).toBe(0);
  });

  it('is refused when it is damaged', () => {
    const { lan } = chip();
    const saved = lan.saveState();
    const waiting = new Array<Uint8Array>(600).fill(new Uint8Array(60));
    expect(() => lan.restoreState({ ...saved, frames: { ...saved.frames, waiting } })).toThrow(RangeError);
  });
});
