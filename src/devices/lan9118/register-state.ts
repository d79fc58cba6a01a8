/** The registers of the bus that are no FIFOs. */
export type Lan9118Registers = {
  irqCfg: number;
  intSts: number;
  intEn: number;
  fifoInt: number;
  rxCfg: number;
  txCfg: number;
  hwCfg: number;
  pmtCtrl: number;
  gpioCfg: number;
  gptCfg: number;
  /** Virtual time at which the general purpose timer was at its load value. */
  gptStartNs: number;
  wordSwap: number;
  rxDrop: number;
  macCommand: number;
  macData: number;
  afcCfg: number;
  eepromCommand: number;
};

/** What they are after a reset (LAN9118 datasheet 5.3). */
export function resetRegisters(): Lan9118Registers {
  return {
    irqCfg: 0,
    intSts: 0,
    intEn: 0,
    fifoInt: 0x4800_0000,
    rxCfg: 0,
    txCfg: 0,
    hwCfg: 0x0005_0000,
    pmtCtrl: 0,
    gpioCfg: 0,
    gptCfg: 0xffff,
    gptStartNs: 0,
    wordSwap: 0,
    rxDrop: 0,
    macCommand: 0,
    macData: 0,
    afcCfg: 0,
    eepromCommand: 0,
  };
}
