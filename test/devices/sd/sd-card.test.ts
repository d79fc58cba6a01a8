import { describe, expect, it } from 'vitest';
import { SdCard } from '../../../src/devices/sd/sd-card.ts';
import { CardState, CardStatus, crc7 } from '../../../src/devices/sd/sd-registers.ts';
import { HostClock, InstructionClock } from '../../../src/machine/clock.ts';
import type { Clock } from '../../../src/ports/clock.ts';
import type { DiskBackend } from '../../../src/ports/disk.ts';
import { MemoryDisk, turns } from '../virtio/memory-disk.ts';
import { SparseDisk } from './sparse-disk.ts';

const KIB = 2 ** 10;
const MIB = 2 ** 20;
const GIB = 2 ** 30;
const RCA = 0x4567;
const HCS = 0x4000_0000;
const VOLTAGES = 0x00ff_8000;

function cardWith(disk: DiskBackend, clock: Clock = new HostClock(() => 0)) {
  const warnings: string[] = [];
  const card = new SdCard({ disk, clock, warn: (message) => warnings.push(message) });
  const word = (index: number, argument = 0): number | undefined => card.command(index, argument)?.words[0];
  const app = (index: number, argument = 0): number | undefined => {
    card.command(55, card.state.rca * 0x1_0000);
    return word(index, argument);
  };
  const bits = (high: number, low: number, words: readonly number[]): number => {
    const value = words.reduce((all, part) => (all << 32n) | BigInt(part), 0n);
    return Number((value >> BigInt(low)) & ((1n << BigInt(high - low + 1)) - 1n));
  };
  /** Leads the card to the transfer state. */
  const select = (): void => {
    card.command(0, 0);
    word(8, 0x1aa);
    app(41, HCS | VOLTAGES);
    word(2);
    word(3);
    word(7, RCA * 0x1_0000);
  };
  const readAll = async (bytes: number): Promise<Uint8Array> => {
    const into = new Uint8Array(bytes);
    for (let done = 0; done < bytes; ) {
      const got = card.read(into.subarray(done));
      done += got;
      if (got > 0) continue;
      if (!card.working) return into.subarray(0, done);
      await turns();
    }
    return into;
  };
  const registerBytes = async (bytes: number): Promise<number[]> => [...(await readAll(bytes))];
  const stateOf = (status: number | undefined): number => ((status ?? 0) >>> 9) & 0xf;
  const status = (): number => word(13, RCA * 0x1_0000) ?? 0;
  return { card, word, app, bits, select, readAll, registerBytes, stateOf, status, warnings };
}

function memoryCard(size = 256 * KIB, readOnly = false) {
  const disk = new MemoryDisk(size, readOnly);
  return { disk, ...cardWith(disk) };
}

describe('card identification (SD Physical Layer Simplified Specification 4.2)', () => {
  it('goes from idle by ACMD41, CMD2 and CMD3 to stand-by, and by CMD7 to transfer', () => {
    const { card, word, app, stateOf } = memoryCard();
    expect(card.command(0, 0)).toBeUndefined();
    expect(word(8, 0x1aa)).toBe(0x1aa);
    expect(app(41, HCS | VOLTAGES)).toBe(0x80ff_8000);
    expect(card.state.state).toBe(CardState.ready);
    expect(card.command(2, 0)?.words).toHaveLength(4);
    const r6 = word(3) ?? 0;
    expect(r6 >>> 16).toBe(RCA);
    expect(stateOf(r6)).toBe(CardState.ident);
    expect(stateOf(word(7, RCA * 0x1_0000))).toBe(CardState.stby);
    expect(stateOf(word(13, RCA * 0x1_0000))).toBe(CardState.tran);
  });

  it('does not answer CMD8 for a voltage that it has not, and echoes the check pattern of others', () => {
    const { word } = memoryCard();
    expect(word(8, 0x2aa)).toBeUndefined();
    expect(word(8, 0x155)).toBe(0x155);
  });

  it('tells its voltages to an ACMD41 without any, and stays idle', () => {
    const { card, app } = memoryCard();
    expect(app(41, 0)).toBe(VOLTAGES);
    expect(card.state.state).toBe(CardState.idle);
  });

  it('leaves a card of high capacity busy for a host that knows none, and sets CCS for one that does', () => {
    const { app } = cardWith(new SparseDisk(4 * GIB));
    expect(app(41, VOLTAGES)).toBe(VOLTAGES);
    expect(app(41, HCS | VOLTAGES)).toBe(0xc0ff_8000);
  });

  it('answers only to its own address', () => {
    const { word, select, card } = memoryCard();
    select();
    expect(word(13, 0x1234_0000)).toBeUndefined();
    expect(word(7, 0)).toBeUndefined();
    expect(card.state.state).toBe(CardState.stby);
  });

  it('is silent for ever after CMD15', () => {
    const { word, select } = memoryCard();
    select();
    word(15, RCA * 0x1_0000);
    expect(word(8, 0x1aa)).toBeUndefined();
    expect(word(13, RCA * 0x1_0000)).toBeUndefined();
  });
});

describe('registers (chapter 5)', () => {
  it.each([256 * KIB, 1 * MIB, 64 * MIB, 1 * GIB, 2 * GIB])(
    'give a capacity of %i bytes by version 1 of the CSD',
    (size) => {
      const { card, word, app, bits } = cardWith(new SparseDisk(size));
      app(41, VOLTAGES);
      word(2);
      word(3);
      const csd = card.command(9, RCA * 0x1_0000)?.words ?? [];
      expect(bits(127, 126, csd)).toBe(0);
      const units = (bits(73, 62, csd) + 1) * 2 ** (bits(49, 47, csd) + 2);
      expect(units * 2 ** bits(83, 80, csd)).toBe(size);
    },
  );

  it.each([4 * GIB, 32 * GIB, 2 ** 41])('give a capacity of %i bytes by version 2 of the CSD', (size) => {
    const { card, word, app, bits } = cardWith(new SparseDisk(size));
    app(41, HCS | VOLTAGES);
    word(2);
    word(3);
    const csd = card.command(9, RCA * 0x1_0000)?.words ?? [];
    expect(bits(127, 126, csd)).toBe(1);
    expect((bits(69, 48, csd) + 1) * 512 * 1024).toBe(size);
    expect([bits(83, 80, csd), bits(25, 22, csd)]).toEqual([9, 9]);
  });

  it('end with a CRC7', () => {
    // The example of 4.5: CMD0.
    expect(crc7(Uint8Array.of(0x40, 0, 0, 0, 0))).toBe(0x4a);
    const { card, app } = memoryCard();
    app(41, VOLTAGES);
    const cid = card.command(2, 0)?.words ?? [];
    const bytes = cid.flatMap((word) => [24, 16, 8, 0].map((shift) => (word >>> shift) & 0xff));
    expect(bytes[15]).toBe((crc7(Uint8Array.from(bytes.slice(0, 15))) << 1) | 1);
    expect(String.fromCharCode(...bytes.slice(3, 8))).toBe('ARMEM');
  });

  it('SCR says version 2.00 and both bus widths; the SD status has the width that ACMD6 chose', async () => {
    const { app, select, registerBytes } = memoryCard();
    select();
    app(51);
    expect(await registerBytes(8)).toEqual([2, 0x25, 0, 0, 0, 0, 0, 0]);
    app(6, 2);
    app(13);
    expect((await registerBytes(64))[0]).toBe(0x80);
  });

  it('CMD6 tells high speed, takes it, and refuses a function that is not there', async () => {
    const { word, select, registerBytes, card } = memoryCard();
    select();
    word(6, 0x00ff_fff1);
    const checked = await registerBytes(64);
    expect(checked.slice(12, 17)).toEqual([0x80, 0x03, 0, 0, 1]);
    expect(card.state.accessMode).toBe(0);
    word(6, 0x80ff_fff1);
    await registerBytes(64);
    expect(card.state.accessMode).toBe(1);
    word(6, 0x80ff_fff5);
    const refused = await registerBytes(64);
    expect([refused[0], refused[1], refused[16] & 0xf]).toEqual([0, 0, 0xf]);
    expect(card.state.accessMode).toBe(1);
  });
});

describe('reading (4.3.3)', () => {
  it('CMD17 sends one block, and is in the data state until then', async () => {
    const { disk, word, select, readAll, stateOf, status } = memoryCard();
    select();
    expect(stateOf(word(17, 3 * 512))).toBe(CardState.tran);
    expect(stateOf(status())).toBe(CardState.data);
    expect(await readAll(512)).toEqual(disk.bytes.slice(3 * 512, 4 * 512));
    expect(stateOf(status())).toBe(CardState.tran);
    expect((await readAll(4)).length).toBe(0);
  });

  it('CMD18 goes on until CMD12', async () => {
    const { disk, word, select, readAll, stateOf, status } = memoryCard();
    select();
    word(18, 512);
    expect(Buffer.from(await readAll(200 * 512)).equals(disk.bytes.subarray(512, 201 * 512))).toBe(true);
    expect(stateOf(word(12))).toBe(CardState.data);
    expect(stateOf(status())).toBe(CardState.tran);
  });

  it('counts blocks on a card of high capacity', async () => {
    const { word, select, readAll } = cardWith(new SparseDisk(4 * GIB));
    select();
    word(18, 0x7f_fffe);
    const bytes = await readAll(1024);
    expect([...bytes.slice(0, 4), ...bytes.slice(512, 516)]).toEqual([
      0, 0x7f, 0xff, 0xfe, 0, 0x7f, 0xff, 0xff,
    ]);
  });

  it('sends a part of a block where CMD16 says so, and no part of two', async () => {
    const { disk, word, select, readAll } = memoryCard();
    select();
    word(16, 16);
    word(17, 520);
    expect(await readAll(16)).toEqual(disk.bytes.slice(520, 536));
    expect((word(17, 508) ?? 0) & CardStatus.ADDRESS_ERROR).not.toBe(0);
    expect((word(16, 513) ?? 0) & CardStatus.BLOCK_LEN_ERROR).not.toBe(0);
  });

  it('refuses an address behind the end, and stops there', async () => {
    const { word, select, readAll, status } = memoryCard();
    select();
    expect((word(17, 256 * KIB) ?? 0) >>> 0).toBeGreaterThanOrEqual(CardStatus.OUT_OF_RANGE);
    word(18, 256 * KIB - 512);
    expect((await readAll(1024)).length).toBe(512);
    expect(status()).toBeGreaterThanOrEqual(CardStatus.OUT_OF_RANGE);
    expect(status()).toBeLessThan(CardStatus.OUT_OF_RANGE);
  });

  it("tells the host's disk error as one of ECC, and says so once", async () => {
    const { disk, word, select, readAll, status, warnings } = memoryCard();
    select();
    disk.failure = new Error('gone');
    word(17, 0);
    expect((await readAll(512)).length).toBe(0);
    expect(status() & CardStatus.CARD_ECC_FAILED).not.toBe(0);
    word(18, 0);
    expect((await readAll(512)).length).toBe(0);
    word(12);
    expect(warnings).toEqual(['a disk in memory: gone; the guest sees an I/O error']);
  });
});

describe('writing (4.3.4)', () => {
  const data = Uint8Array.from({ length: 300 * 512 }, (_unused, i) => i * 7);

  async function writeAll({ card }: { card: SdCard }, bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const took = card.write(bytes.subarray(done));
      done += took;
      if (took > 0) continue;
      if (!card.working) throw new Error(`${done} bytes were taken`);
      await turns();
    }
  }

  it('CMD24 programs one block; the card is busy until the disk has it safe', async () => {
    const rig = memoryCard();
    const { disk, word, select, status, stateOf } = rig;
    select();
    disk.prompt = false;
    word(24, 1024);
    await writeAll(rig, data.subarray(0, 512));
    expect(stateOf(status())).toBe(CardState.prg);
    expect(status() & CardStatus.READY_FOR_DATA).toBe(0);
    await disk.settle();
    expect(disk.asked).toEqual(['write 1024 512', 'flush']);
    expect(stateOf(status())).toBe(CardState.prg);
    await disk.settle();
    expect(stateOf(status())).toBe(CardState.tran);
    expect(disk.bytes.slice(1024, 1536)).toEqual(data.slice(0, 512));
  });

  it('CMD25 programs what comes before CMD12, and drops a block that is not complete', async () => {
    const rig = memoryCard();
    const { card, disk, word, app, select, status, stateOf, registerBytes } = rig;
    select();
    const old = disk.bytes.slice(300 * 512, 301 * 512);
    word(25, 0);
    await writeAll(rig, data);
    expect(card.write(new Uint8Array(100))).toBe(100);
    expect(stateOf(word(12))).toBe(CardState.rcv);
    await turns();
    expect(stateOf(status())).toBe(CardState.tran);
    expect(Buffer.from(data).equals(disk.bytes.subarray(0, data.length))).toBe(true);
    expect(disk.bytes.slice(300 * 512, 301 * 512)).toEqual(old);
    expect(disk.asked.at(-1)).toBe('flush');
    app(22);
    expect(await registerBytes(4)).toEqual([0, 0, 300 >> 8, 300 & 0xff]);
  });

  it('is refused by a card that is protected', () => {
    const { disk, word, select } = memoryCard(256 * KIB, true);
    select();
    expect((word(24, 0) ?? 0) & CardStatus.WP_VIOLATION).not.toBe(0);
    word(32, 0);
    word(33, 0);
    word(38);
    expect(disk.asked).toEqual([]);
  });

  it("tells the host's disk error", async () => {
    const rig = memoryCard();
    rig.select();
    rig.disk.failure = new Error('full');
    rig.word(24, 0);
    await writeAll(rig, data.subarray(0, 512));
    await turns();
    expect(rig.status() & CardStatus.ERROR).not.toBe(0);
    expect(rig.status() & CardStatus.ERROR).toBe(0);
  });

  it('goes on when the card is deselected meanwhile', async () => {
    const rig = memoryCard();
    rig.select();
    rig.disk.prompt = false;
    rig.word(24, 0);
    await writeAll(rig, data.subarray(0, 512));
    rig.word(7, 0);
    expect(rig.stateOf(rig.status())).toBe(CardState.dis);
    await rig.disk.settle();
    await rig.disk.settle();
    expect(rig.stateOf(rig.status())).toBe(CardState.stby);
  });
});

describe('erasing (4.3.5)', () => {
  it('CMD32, CMD33 and CMD38 make zeros of the blocks, the last one included', async () => {
    const { disk, word, select, status, stateOf } = memoryCard();
    select();
    word(32, 1024);
    word(33, 2048);
    word(38);
    expect(stateOf(status())).toBe(CardState.prg);
    await turns();
    expect(stateOf(status())).toBe(CardState.tran);
    expect(disk.asked).toEqual(['zeroes 1024 1536 true', 'flush']);
  });

  it('is an error without a range, and with one behind the end', () => {
    const { disk, word, select } = memoryCard();
    select();
    expect((word(38) ?? 0) & CardStatus.ERASE_SEQ_ERROR).not.toBe(0);
    expect((word(33, 0) ?? 0) & CardStatus.ERASE_SEQ_ERROR).not.toBe(0);
    word(32, 0);
    word(33, 256 * KIB);
    expect((word(38) ?? 0) >>> 0).toBeGreaterThanOrEqual(CardStatus.OUT_OF_RANGE);
    expect(disk.asked).toEqual([]);
  });
});

describe('a command that is not legal (4.10.1)', () => {
  it('gets no answer, and the next status says so once', () => {
    const { word, select, status } = memoryCard();
    select();
    expect(word(41)).toBeUndefined();
    expect(status() & CardStatus.ILLEGAL_COMMAND).not.toBe(0);
    expect(status() & CardStatus.ILLEGAL_COMMAND).toBe(0);
    // Legal, but not in this state.
    expect(word(2)).toBeUndefined();
    expect(status() & CardStatus.ILLEGAL_COMMAND).not.toBe(0);
  });

  it('behind CMD55 is the ordinary one where there is no such application command', async () => {
    const { app, select, readAll, word } = memoryCard();
    select();
    expect((word(55, RCA * 0x1_0000) ?? 0) & CardStatus.APP_CMD).not.toBe(0);
    app(17, 0);
    expect((await readAll(512)).length).toBe(512);
  });
});

describe('a saved card', () => {
  it('goes on in the midst of a read, with what was read and what was not', async () => {
    const disk = new MemoryDisk(256 * KIB);
    const clock = new InstructionClock(10);
    const from = cardWith(disk, clock);
    from.select();
    from.word(18, 0);
    clock.skipTo(1e6);
    clock.runDue();
    await turns();
    const first = new Uint8Array(40_000);
    expect(from.card.read(first)).toBe(40_000);
    const to = cardWith(disk);
    to.card.restoreState(from.card.saveState());
    const rest = await to.readAll(60_000);
    expect(Buffer.concat([first, rest]).equals(disk.bytes.subarray(0, 100_000))).toBe(true);
  });

  it('writes again what was under way', async () => {
    const disk = new MemoryDisk(256 * KIB);
    disk.prompt = false;
    const from = cardWith(disk);
    from.select();
    from.word(24, 512);
    from.card.write(new Uint8Array(512).fill(0x5a));
    const saved = from.card.saveState();
    const other = new MemoryDisk(256 * KIB);
    const to = cardWith(other);
    to.card.restoreState(saved);
    await to.card.drain();
    expect(other.bytes.slice(512, 1024)).toEqual(new Uint8Array(512).fill(0x5a));
    expect(to.stateOf(to.status())).toBe(CardState.tran);
  });

  it('is refused when it is damaged', () => {
    const { card } = memoryCard();
    const saved = card.saveState();
    expect(() => card.restoreState({ ...saved, filled: 1e6 })).toThrow(RangeError);
    expect(() => card.restoreState({ ...saved, position: -1 })).toThrow(RangeError);
  });
});
