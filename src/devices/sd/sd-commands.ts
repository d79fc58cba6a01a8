import type { SdCard } from './sd-card.ts';
import {
  BLOCK_BYTES,
  CardState,
  CardStatus,
  configurationRegister,
  OperationConditions,
  sdStatus,
  switchFunction,
} from './sd-registers.ts';

/** One command of the card: in which states it is legal, what it does, and what it answers. */
export interface CommandRow {
  readonly index: number;
  /** One of those behind CMD55. */
  readonly application?: true;
  /** A bit for each state (4.8, table 4-35). */
  readonly states: number;
  /** Bits 31 to 16 of the argument are an address, and other cards are not meant. */
  readonly addressed?: true;
  readonly response: 'R1' | 'R6' | 'R7' | 'CID' | 'CSD' | 'OCR' | 'none';
  run(card: SdCard, argument: number): void;
  /** What the card does when another one is addressed. */
  others?(card: SdCard): void;
}

const { idle, ready, ident, stby, tran, data, rcv, prg, dis } = CardState;

function states(...legal: readonly number[]): number {
  return legal.reduce((bits, state) => bits | (1 << state), 0);
}

const ANY = states(idle, ready, ident, stby, tran, data, rcv, prg, dis);
const IDENTIFIED = states(stby, tran, data, rcv, prg, dis);
/** The address that the card takes at first; each further CMD3 adds it again. */
const RCA_STEP = 0x4567;
/** ACMD41: the voltages that a host offers. Without any it only asks (4.2.3.1). */
const OFFERED_VOLTAGES = 0x00ff_ff00;
/** CMD6: the functions are to be taken, not only checked. */
const SWITCH = 0x8000_0000;

const nothing = (): void => {};

/** Tables 4-24 to 4-34. */
const ROWS: readonly CommandRow[] = [
  {
    index: 0,
    states: ANY,
    response: 'none',
    run: (card) => card.reset(),
  },
  {
    index: 2,
    states: states(ready),
    response: 'CID',
    run: ({ state }) => {
      state.state = ident;
    },
  },
  {
    index: 3,
    states: states(ident, stby),
    response: 'R6',
    run: ({ state }) => {
      state.rca = (state.rca + RCA_STEP) & 0xffff;
      state.state = stby;
    },
  },
  {
    index: 6,
    states: states(tran),
    response: 'R1',
    run: (card, argument) => {
      const { status, accessMode } = switchFunction(argument, card.state.accessMode);
      if (argument & SWITCH && accessMode !== undefined) card.state.accessMode = accessMode;
      card.sendRegister(status);
    },
  },
  {
    index: 7,
    states: states(stby, dis),
    addressed: true,
    response: 'R1',
    run: ({ state }) => {
      state.state = state.state === stby ? tran : prg;
    },
    others: (card) => {
      if (card.state.state === data) card.stop();
      if (card.state.state === tran) card.state.state = stby;
      if (card.state.state === prg) card.state.state = dis;
    },
  },
  {
    index: 8,
    states: states(idle),
    response: 'R7',
    run: nothing,
  },
  { index: 9, states: states(stby), addressed: true, response: 'CSD', run: nothing },
  { index: 10, states: states(stby), addressed: true, response: 'CID', run: nothing },
  {
    index: 12,
    states: states(data, rcv),
    response: 'R1',
    run: (card) => card.stop(),
  },
  { index: 13, states: IDENTIFIED, addressed: true, response: 'R1', run: nothing },
  {
    index: 15,
    states: IDENTIFIED,
    addressed: true,
    response: 'none',
    run: ({ state }) => {
      state.state = CardState.ina;
    },
  },
  {
    index: 16,
    states: states(tran),
    response: 'R1',
    run: ({ state, highCapacity }, argument) => {
      if (argument === 0 || argument > BLOCK_BYTES) state.errors |= CardStatus.BLOCK_LEN_ERROR;
      // Cards of high capacity always transfer 512 bytes (4.3.2).
      else if (!highCapacity) state.blockLength = argument;
    },
  },
  transfer(17, (card, address) => card.startRead(address, false)),
  transfer(18, (card, address) => card.startRead(address, true)),
  transfer(24, (card, address) => card.startWrite(address, false)),
  transfer(25, (card, address) => card.startWrite(address, true)),
  transfer(32, ({ state }, address) => {
    state.eraseStart = address;
  }),
  transfer(33, ({ state }, address) => {
    if (state.eraseStart < 0) state.errors |= CardStatus.ERASE_SEQ_ERROR;
    else state.eraseEnd = address;
  }),
  transfer(38, (card) => card.erase()),
  {
    index: 55,
    states: ANY,
    addressed: true,
    response: 'R1',
    run: ({ state }) => {
      state.appCommand = true;
    },
  },
  {
    index: 6,
    application: true,
    states: states(tran),
    response: 'R1',
    run: ({ state }, argument) => {
      state.wideBus = (argument & 3) === 2;
    },
  },
  register(13, ({ state }) => sdStatus(state.wideBus)),
  register(22, ({ state }) => bigEndian(state.writtenBlocks)),
  // How many blocks will be written: a hint, so that they may be erased in advance.
  { index: 23, application: true, states: states(tran), response: 'R1', run: nothing },
  {
    index: 41,
    application: true,
    states: states(idle),
    response: 'OCR',
    run: ({ state, highCapacity }, argument) => {
      if ((argument & OFFERED_VOLTAGES) === 0) return;
      // A card of high capacity stays busy for a host that does not know such (4.2.3).
      if (highCapacity && (argument & OperationConditions.CCS) === 0) return;
      state.poweredUp = true;
      state.state = ready;
    },
  },
  // The pull-up on DAT3: there is none.
  { index: 42, application: true, states: states(tran), response: 'R1', run: nothing },
  register(51, () => configurationRegister()),
];

/**
 * The command of an index.
 * @param application it follows CMD55; where there is no such command, the ordinary one is meant (4.3.9)
 */
export function commandRow(index: number, application: boolean): CommandRow | undefined {
  const rows = ROWS.filter((row) => row.index === index);
  const ordinary = rows.find((row) => row.application === undefined);
  return application ? (rows.find((row) => row.application) ?? ordinary) : ordinary;
}

function transfer(index: number, run: (card: SdCard, address: number) => void): CommandRow {
  return { index, states: states(tran), response: 'R1', run };
}

function register(index: number, bytes: (card: SdCard) => Uint8Array): CommandRow {
  return {
    index,
    application: true,
    states: states(tran),
    response: 'R1',
    run: (card) => card.sendRegister(bytes(card)),
  };
}

function bigEndian(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}
