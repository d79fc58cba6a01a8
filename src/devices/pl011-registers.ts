/** Registers (ARM DDI 0183 table 3-1). */
export const UART = {
  DR: 0x000,
  /** Read: UARTRSR. Write: UARTECR. */
  RSR_ECR: 0x004,
  FR: 0x018,
  ILPR: 0x020,
  IBRD: 0x024,
  FBRD: 0x028,
  LCR_H: 0x02c,
  CR: 0x030,
  IFLS: 0x034,
  IMSC: 0x038,
  RIS: 0x03c,
  MIS: 0x040,
  ICR: 0x044,
  DMACR: 0x048,
  /** UARTPeriphID0 to 3 and UARTPCellID0 to 3 follow each other. */
  PeriphID0: 0xfe0,
} as const;

/** UARTFR (ARM DDI 0183 3.3.3). BUSY and TXFF are never set: a byte is sent as soon as it is written. */
export const enum Flag {
  CTS = 1 << 0,
  DSR = 1 << 1,
  DCD = 1 << 2,
  RXFE = 1 << 4,
  RXFF = 1 << 6,
  TXFE = 1 << 7,
  RI = 1 << 8,
}

/** UARTDR bits beside the data (ARM DDI 0183 3.3.1); UARTRSR has them 8 bits lower. */
export const enum DataError {
  Break = 1 << 10,
  Overrun = 1 << 11,
}

/** UARTLCR_H (ARM DDI 0183 3.3.7). */
export const enum LineControl {
  BRK = 1 << 0,
  FEN = 1 << 4,
}

/** UARTCR (ARM DDI 0183 3.3.8). */
export const enum Control {
  UARTEN = 1 << 0,
  LBE = 1 << 7,
  TXE = 1 << 8,
  RXE = 1 << 9,
  DTR = 1 << 10,
  RTS = 1 << 11,
  Out1 = 1 << 12,
  Out2 = 1 << 13,
}

/** UARTIMSC, UARTRIS, UARTMIS and UARTICR (ARM DDI 0183 3.3.10 to 3.3.13). */
export const enum Interrupt {
  RI = 1 << 0,
  CTS = 1 << 1,
  DCD = 1 << 2,
  DSR = 1 << 3,
  Receive = 1 << 4,
  Transmit = 1 << 5,
  ReceiveTimeout = 1 << 6,
  Break = 1 << 9,
  Overrun = 1 << 10,
  All = 0x7ff,
}
