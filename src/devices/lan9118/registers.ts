/** Registers on the bus (SMSC LAN9118 datasheet, table 5.1). */
export const LAN = {
  /** 32 bytes, all of which are the receive data FIFO. */
  RX_DATA: 0x00,
  /** 32 bytes, all of which are the transmit data FIFO. */
  TX_DATA: 0x20,
  RX_STATUS: 0x40,
  RX_STATUS_PEEK: 0x44,
  TX_STATUS: 0x48,
  TX_STATUS_PEEK: 0x4c,
  ID_REV: 0x50,
  IRQ_CFG: 0x54,
  INT_STS: 0x58,
  INT_EN: 0x5c,
  BYTE_TEST: 0x64,
  FIFO_INT: 0x68,
  RX_CFG: 0x6c,
  TX_CFG: 0x70,
  HW_CFG: 0x74,
  RX_DP_CTRL: 0x78,
  RX_FIFO_INF: 0x7c,
  TX_FIFO_INF: 0x80,
  PMT_CTRL: 0x84,
  GPIO_CFG: 0x88,
  GPT_CFG: 0x8c,
  GPT_CNT: 0x90,
  WORD_SWAP: 0x98,
  FREE_RUN: 0x9c,
  RX_DROP: 0xa0,
  MAC_CSR_CMD: 0xa4,
  MAC_CSR_DATA: 0xa8,
  AFC_CFG: 0xac,
  E2P_CMD: 0xb0,
  E2P_DATA: 0xb4,
} as const;

/** IRQ_CFG (5.3.2). */
export const IrqCfg = {
  IRQ_INT: 0x1000,
  IRQ_EN: 0x100,
  IRQ_POL: 0x10,
  IRQ_TYPE: 1,
  WRITABLE: 0xff00_0111,
} as const;

/** INT_STS and INT_EN (5.3.3, 5.3.4). */
export const Int = {
  SW: 0x8000_0000,
  TXSTOP: 0x0200_0000,
  RXSTOP: 0x0100_0000,
  TX_IOC: 0x0020_0000,
  GPT: 0x0008_0000,
  PHY: 0x0004_0000,
  TXSO: 0x0001_0000,
  RXE: 0x0000_4000,
  TXE: 0x0000_2000,
  TDFO: 0x0000_0400,
  TDFA: 0x0000_0200,
  TSFF: 0x0000_0100,
  TSFL: 0x0000_0080,
  RXDF: 0x0000_0040,
  RSFF: 0x0000_0010,
  RSFL: 0x0000_0008,
} as const;

/** RX_CFG (5.3.7). */
export const RxCfg = { DUMP: 0x8000, WRITABLE: 0xcfff_1f00 } as const;

/** TX_CFG (5.3.8). */
export const TxCfg = { TXS_DUMP: 0x8000, TXD_DUMP: 0x4000, TXSAO: 4, TX_ON: 2, STOP_TX: 1 } as const;

/** HW_CFG (5.3.9): MBO must be written as one; the bus has 32 bits. */
export const HwCfg = { TX_FIF_SZ: 0x000f_0000, BUS32: 4, SRST: 1, WRITABLE: 0x003f_0000 } as const;

export const RX_FFWD = 0x8000_0000;

/** PMT_CTRL (5.3.13). */
export const PmtCtrl = { PHY_RST: 0x400, READY: 1, WRITABLE: 0x334e } as const;

/** GPT_CFG (5.3.15). */
export const GptCfg = { TIMER_EN: 0x2000_0000, LOAD: 0xffff } as const;

/** MAC_CSR_CMD (5.3.20). */
export const MacCommand = { BUSY: 0x8000_0000, READ: 0x4000_0000 } as const;

/** E2P_CMD (5.3.23). */
export const EepromCommand = { BUSY: 0x8000_0000, TIMEOUT: 0x200, MAC_LOADED: 0x100 } as const;

/** Registers of the MAC, by their number in MAC_CSR_CMD (5.4). */
export const MAC = {
  CR: 1,
  ADDRH: 2,
  ADDRL: 3,
  HASHH: 4,
  HASHL: 5,
  MII_ACC: 6,
  MII_DATA: 7,
  FLOW: 8,
  VLAN1: 9,
  VLAN2: 10,
  WUFF: 11,
  WUCSR: 12,
} as const;

/** MAC_CR (5.4.1). */
export const MacCr = {
  RXALL: 0x8000_0000,
  LOOPBK: 0x0020_0000,
  MCPAS: 0x0008_0000,
  PRMS: 0x0004_0000,
  INVFILT: 0x0002_0000,
  HFILT: 0x0000_8000,
  HPFILT: 0x0000_2000,
  BCAST: 0x0000_0800,
  TXEN: 8,
  RXEN: 4,
} as const;

/** MII_ACC (5.4.6). */
export const MiiAcc = { WRITE: 2 } as const;

/** A word of the receive status FIFO (3.13.3). */
export const RxStatus = {
  FILTERING_FAIL: 0x4000_0000,
  LENGTH_SHIFT: 16,
  BROADCAST: 0x2000,
  RUNT: 0x0800,
  MULTICAST: 0x0400,
  /** The length field is a type. */
  FRAME_TYPE: 0x20,
} as const;

/** TX command A and B (3.12.2). */
export const TxCommand = {
  IOC: 0x8000_0000,
  END_ALIGNMENT_SHIFT: 24,
  OFFSET_SHIFT: 16,
  FIRST: 0x2000,
  LAST: 0x1000,
  LENGTH: 0x7ff,
  NO_CRC: 0x2000,
  NO_PADDING: 0x1000,
  TAG_SHIFT: 16,
} as const;
