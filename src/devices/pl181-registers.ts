/** Registers of the PL180 and PL181 (ARM DDI 0172 table 3-1). */
export const MCI = {
  Power: 0x000,
  Clock: 0x004,
  Argument: 0x008,
  Command: 0x00c,
  RespCmd: 0x010,
  /** MCIResponse0 to 3 follow each other. */
  Response0: 0x014,
  DataTimer: 0x024,
  DataLength: 0x028,
  DataCtrl: 0x02c,
  DataCnt: 0x030,
  Status: 0x034,
  Clear: 0x038,
  Mask0: 0x03c,
  Mask1: 0x040,
  Select: 0x044,
  FifoCnt: 0x048,
  /** 64 bytes, all of which are the FIFO. */
  FIFO: 0x080,
  FIFOEnd: 0x0c0,
  /** MCIPeriphID0 to 3 and MCIPCellID0 to 3 follow each other. */
  PeriphID0: 0xfe0,
} as const;

/** MCIClock (3.3.2). */
export const MciClock = { ClkDiv: 0xff, Bypass: 0x400 } as const;

/** MCICommand (3.3.4). */
export const MciCommand = {
  CmdIndex: 0x3f,
  Response: 0x040,
  LongRsp: 0x080,
  Pending: 0x200,
  Enable: 0x400,
} as const;

/** MCIDataCtrl (3.3.9). */
export const MciDataCtrl = {
  Enable: 0x01,
  /** From the card to the controller. */
  Direction: 0x02,
  /** A stream of bytes without blocks. */
  Mode: 0x04,
  /** Logarithm of the block's length, in four bits from here. */
  BLOCK_SIZE_SHIFT: 4,
} as const;

/** MCIStatus (3.3.11), and the bits of the masks. */
export const MciStatus = {
  CmdTimeOut: 0x0000_0004,
  DataTimeOut: 0x0000_0008,
  CmdRespEnd: 0x0000_0040,
  CmdSent: 0x0000_0080,
  DataEnd: 0x0000_0100,
  DataBlockEnd: 0x0000_0400,
  TxActive: 0x0000_1000,
  RxActive: 0x0000_2000,
  TxFifoHalfEmpty: 0x0000_4000,
  RxFifoHalfFull: 0x0000_8000,
  TxFifoFull: 0x0001_0000,
  RxFifoFull: 0x0002_0000,
  TxFifoEmpty: 0x0004_0000,
  RxFifoEmpty: 0x0008_0000,
  TxDataAvlbl: 0x0010_0000,
  RxDataAvlbl: 0x0020_0000,
  /** Flags that stay until MCIClear. */
  STATIC: 0x0000_07ff,
  ALL: 0x003f_ffff,
} as const;
