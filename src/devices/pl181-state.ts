/** 16 words (ARM DDI 0172 2.2.5). */
export const FIFO_BYTES = 64;

export type Pl181State = {
  power: number;
  clock: number;
  argument: number;
  command: number;
  responseCommand: number;
  readonly response: Uint32Array;
  dataTimer: number;
  dataLength: number;
  dataControl: number;
  /** Bytes that the data path has yet to pass on. */
  dataCount: number;
  /** The static flags of MCIStatus. */
  status: number;
  readonly mask: Uint32Array;
  select: number;
  /** What the data path state machine does. */
  path: 'idle' | 'receive' | 'send';
  /** The bytes in the FIFO are in a row from `fifoHead` on. */
  readonly fifo: Uint8Array;
  fifoHead: number;
  fifoCount: number;
};

/** Everything but the arrays, whose bytes are of no meaning then or are cleared. */
export function resetState(): Omit<Pl181State, 'response' | 'mask' | 'fifo'> {
  return {
    power: 0,
    clock: 0,
    argument: 0,
    command: 0,
    responseCommand: 0,
    dataTimer: 0,
    dataLength: 0,
    dataControl: 0,
    dataCount: 0,
    status: 0,
    select: 0,
    path: 'idle',
    fifoHead: 0,
    fifoCount: 0,
  };
}

/** @throws RangeError for a restored state that no controller can have */
export function checkState({ fifoHead, fifoCount, dataCount, path }: Pl181State): void {
  const fits = fifoHead >= 0 && fifoCount >= 0 && fifoHead + fifoCount <= FIFO_BYTES && dataCount >= 0;
  if (!fits || !['idle', 'receive', 'send'].includes(path)) {
    throw new RangeError('the state of the PL181 is none');
  }
}
