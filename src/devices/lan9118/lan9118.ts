import type { Clock, ClockTimer } from '../../ports/clock.ts';
import type { InterruptLine } from '../../ports/interrupt-line.ts';
import { type AccessSize, type DeviceLog, type MmioDevice, silentLog } from '../../ports/mmio.ts';
import type { NetworkBackend, NetworkPort } from '../../ports/network.ts';
import { assignPlain, copyPlain } from '../../ports/plain-state.ts';
import type { Saveable } from '../../ports/saveable.ts';
import { Eeprom, type EepromState } from './eeprom.ts';
import { FramePath, type FramePathState } from './frame-path.ts';
import { EthernetMac, type MacState } from './mac.ts';
import { Phy, type PhyState } from './phy.ts';
import { type Lan9118Registers, resetRegisters } from './register-state.ts';
import {
  EepromCommand,
  GptCfg,
  HwCfg,
  Int,
  IrqCfg,
  LAN,
  MacCommand,
  MacCr,
  PmtCtrl,
  RX_FFWD,
  RxCfg,
  TxCfg,
} from './registers.ts';

/** LAN9118, revision 1. */
const ID_REV = 0x0118_0001;
const BYTE_TEST = 0x8765_4321;
/** GPT_CNT counts at 10 kHz, FREE_RUN at 25 MHz. */
const GPT_TICK_NS = 100_000;
const FREE_RUN_TICK_NS = 40;

export interface Lan9118Config {
  /** Absent: the cable leads nowhere, and nothing comes from it. */
  readonly network?: NetworkBackend;
  /** Six bytes, in the EEPROM. */
  readonly mac: Uint8Array;
  readonly clock: Clock;
  /** IRQ; level and kind of driver as IRQ_CFG says. */
  readonly interrupt: InterruptLine;
}

export type Lan9118State = {
  readonly registers: Lan9118Registers;
  readonly gptNs: number;
  readonly mac: MacState;
  readonly phy: PhyState;
  readonly eeprom: EepromState;
  readonly frames: FramePathState;
};

/**
 * SMSC LAN9118 Ethernet controller, on a bus of 32 bits. A frame is sent as soon as its last word is written. What the network
 * brings while the receive FIFO is full waits, as with the pause frames that a switch would get.
 */
export class Lan9118 implements MmioDevice, NetworkPort, Saveable<Lan9118State> {
  readonly clock: Clock;
  readonly #config: Lan9118Config;
  readonly #log: DeviceLog;
  readonly #registers: Lan9118Registers = resetRegisters();
  readonly #phy = new Phy();
  readonly #mac = new EthernetMac(this.#phy);
  readonly #eeprom: Eeprom;
  readonly #frames: FramePath;
  readonly #gpt: ClockTimer;

  constructor(config: Lan9118Config, log: DeviceLog = silentLog) {
    this.#config = config;
    this.clock = config.clock;
    this.#log = log;
    this.#eeprom = new Eeprom(config.mac);
    const timer = config.clock.createTimer(() => this.#deliver());
    this.#frames = new FramePath({
      registers: this.#registers,
      mac: this.#mac,
      delivery: { timer, soon: () => timer.arm(config.clock.nowNs()) },
      send: (frame) => this.#send(frame),
    });
    this.#gpt = config.clock.createTimer(() => this.#gptExpired());
    this.#mac.reset(this.#eeprom.mac);
  }

  reset(): void {
    this.#softReset();
    this.#phy.reset();
    this.#frames.dropWaiting();
  }

  saveState(): Lan9118State {
    return {
      registers: copyPlain(this.#registers),
      gptNs: this.#gpt.deadlineNs,
      mac: this.#mac.saveState(),
      phy: this.#phy.saveState(),
      eeprom: this.#eeprom.saveState(),
      frames: this.#frames.saveState(),
    };
  }

  restoreState(state: Lan9118State): void {
    assignPlain(this.#registers, state.registers, 'the LAN9118');
    this.#gpt.arm(state.gptNs);
    this.#mac.restoreState(state.mac);
    this.#phy.restoreState(state.phy);
    this.#eeprom.restoreState(state.eeprom);
    this.#frames.restoreState(state.frames);
  }

  /** A frame from the network. A card whose receiver is off takes none. */
  receive(frame: Uint8Array): boolean {
    return this.#frames.receive(frame);
  }

  read(offset: number, size: AccessSize): number {
    if (size !== 4 || offset & 3) {
      this.#log.guestError(`LAN9118: ${size}-byte read of 0x${offset.toString(16)}, on a bus of words`);
      return 0;
    }
    if (offset < LAN.TX_DATA) return this.#readData();
    const { receiver } = this.#frames;
    switch (offset) {
      case LAN.RX_STATUS: {
        const status = this.#frames.receiver.popStatus() ?? 0;
        this.#deliver();
        return status;
      }
      case LAN.RX_STATUS_PEEK:
        return this.#frames.receiver.peekStatus() ?? 0;
      case LAN.TX_STATUS: {
        const status = this.#frames.txStatus.shift() ?? 0;
        this.#update();
        return status;
      }
      case LAN.TX_STATUS_PEEK:
        return this.#frames.txStatus[0] ?? 0;
      case LAN.RX_FIFO_INF:
        return (receiver.statusCount << 16) | receiver.dataUsed(this.#registers.rxCfg);
      case LAN.TX_FIFO_INF:
        return (this.#frames.txStatus.length << 16) | this.#frames.txFree;
      default:
        return this.#readRegister(offset) >>> 0;
    }
  }

  write(offset: number, size: AccessSize, value: number): void {
    if (size !== 4 || offset & 3) {
      this.#log.guestError(`LAN9118: ${size}-byte write to 0x${offset.toString(16)}, on a bus of words`);
      return;
    }
    if (offset >= LAN.TX_DATA && offset < LAN.RX_STATUS) this.#frames.writeData(value);
    else this.#writeRegister(offset, value >>> 0);
    this.#update();
  }

  #readRegister(offset: number): number {
    const own = this.#registers;
    switch (offset) {
      case LAN.ID_REV:
        return ID_REV;
      case LAN.IRQ_CFG:
        return own.irqCfg | (own.intSts & own.intEn ? IrqCfg.IRQ_INT : 0);
      case LAN.INT_STS:
        return own.intSts;
      case LAN.INT_EN:
        return own.intEn;
      case LAN.BYTE_TEST:
        return BYTE_TEST;
      case LAN.FIFO_INT:
        return own.fifoInt;
      case LAN.RX_CFG:
        return own.rxCfg;
      case LAN.TX_CFG:
        return own.txCfg;
      case LAN.HW_CFG:
        return own.hwCfg | HwCfg.BUS32;
      case LAN.PMT_CTRL:
        return own.pmtCtrl | PmtCtrl.READY;
      case LAN.GPIO_CFG:
        return own.gpioCfg;
      case LAN.GPT_CFG:
        return own.gptCfg;
      case LAN.GPT_CNT:
        return this.#gptCount();
      case LAN.WORD_SWAP:
        return own.wordSwap;
      case LAN.FREE_RUN:
        return Math.floor(this.clock.nowNs() / FREE_RUN_TICK_NS) % 2 ** 32;
      case LAN.RX_DROP: {
        const { rxDrop } = own;
        own.rxDrop = 0;
        return rxDrop;
      }
      case LAN.MAC_CSR_CMD:
        return own.macCommand;
      case LAN.MAC_CSR_DATA:
        return own.macData;
      case LAN.AFC_CFG:
        return own.afcCfg;
      case LAN.E2P_CMD:
        return own.eepromCommand | (this.#eeprom.mac === undefined ? 0 : EepromCommand.MAC_LOADED);
      case LAN.E2P_DATA:
        return this.#eeprom.state.data;
      // Write-only: its one bit clears itself.
      case LAN.RX_DP_CTRL:
        return 0;
      default:
        this.#log.guestError(`LAN9118: read of reserved register 0x${offset.toString(16)}`);
        return 0;
    }
  }

  #writeRegister(offset: number, value: number): void {
    const own = this.#registers;
    switch (offset) {
      case LAN.IRQ_CFG:
        own.irqCfg = value & IrqCfg.WRITABLE;
        return;
      case LAN.INT_STS:
        own.intSts &= ~value;
        return;
      case LAN.INT_EN:
        // The enable of the software interrupt makes one when it is set (5.3.4).
        if (value & ~own.intEn & Int.SW) own.intSts |= Int.SW;
        own.intEn = value | 0;
        return;
      // A driver may write it to wake the chip: its value does not change.
      case LAN.BYTE_TEST:
        return;
      case LAN.FIFO_INT:
        own.fifoInt = value | 0;
        return;
      case LAN.RX_CFG:
        own.rxCfg = value & RxCfg.WRITABLE;
        if (value & RxCfg.DUMP) this.#frames.receiver.clear();
        return;
      case LAN.TX_CFG:
        this.#writeTxConfig(value);
        return;
      case LAN.HW_CFG:
        if (value & HwCfg.SRST) this.#softReset();
        else own.hwCfg = value & HwCfg.WRITABLE;
        return;
      case LAN.RX_DP_CTRL:
        if (value & RX_FFWD) this.#frames.receiver.skip();
        this.#deliver();
        return;
      case LAN.PMT_CTRL:
        if (value & PmtCtrl.PHY_RST) this.#phy.reset();
        own.pmtCtrl = value & PmtCtrl.WRITABLE;
        return;
      case LAN.GPIO_CFG:
        own.gpioCfg = value & 0x7777_071f;
        return;
      case LAN.GPT_CFG:
        this.#writeTimer(value);
        return;
      case LAN.WORD_SWAP:
        own.wordSwap = value | 0;
        return;
      case LAN.MAC_CSR_CMD:
        this.#macCommand(value);
        return;
      case LAN.MAC_CSR_DATA:
        own.macData = value;
        return;
      case LAN.AFC_CFG:
        own.afcCfg = value & 0x00ff_ffff;
        return;
      case LAN.E2P_CMD:
        own.eepromCommand = value & 0x7000_00ff;
        if (value & EepromCommand.BUSY && this.#eeprom.run((value >>> 28) & 7, value & 0xff)) {
          this.#mac.load(this.#eeprom.mac);
        }
        return;
      case LAN.E2P_DATA:
        this.#eeprom.state.data = value & 0xff;
        return;
      default:
        this.#log.guestError(`LAN9118: write to read-only or reserved register 0x${offset.toString(16)}`);
    }
  }

  /** HW_CFG.SRST (5.3.9): everything but the PHY; the address is loaded anew. */
  #softReset(): void {
    Object.assign(this.#registers, resetRegisters());
    this.#frames.clear();
    this.#gpt.cancel();
    this.#mac.reset(this.#eeprom.mac);
    this.#update();
  }

  #macCommand(value: number): void {
    const own = this.#registers;
    own.macCommand = value & (MacCommand.READ | 0xff);
    if (!(value & MacCommand.BUSY)) return;
    if (value & MacCommand.READ) {
      own.macData = this.#mac.read(value & 0xff);
      return;
    }
    const before = this.#mac.control;
    this.#mac.write(value & 0xff, own.macData);
    const off = before & ~this.#mac.control;
    if (off & MacCr.RXEN) own.intSts |= Int.RXSTOP;
    if (off & MacCr.TXEN) own.intSts |= Int.TXSTOP;
    this.#frames.sendHeld();
  }

  #writeTxConfig(value: number): void {
    const own = this.#registers;
    if (value & TxCfg.TXS_DUMP) this.#frames.txStatus.length = 0;
    if (value & TxCfg.TXD_DUMP) this.#frames.clearTransmitter();
    own.txCfg = (value & TxCfg.TXSAO) | ((own.txCfg | value) & TxCfg.TX_ON);
    if (value & TxCfg.STOP_TX && own.txCfg & TxCfg.TX_ON) {
      own.txCfg &= ~TxCfg.TX_ON;
      own.intSts |= Int.TXSTOP;
    }
    this.#frames.sendHeld();
  }

  #readData(): number {
    const word = this.#frames.readData();
    if (word === undefined) {
      this.#log.guestError('LAN9118: read of a receive FIFO that is empty');
      this.#registers.intSts |= Int.RXE;
    }
    this.#update();
    return word ?? 0;
  }

  #deliver(): void {
    this.#frames.deliver();
    this.#update();
  }

  #send(frame: Uint8Array): void {
    if (this.#phy.loopback || this.#mac.control & MacCr.LOOPBK) this.receive(frame);
    else this.#config.network?.send(frame);
  }

  #writeTimer(value: number): void {
    const own = this.#registers;
    own.gptCfg = value & (GptCfg.TIMER_EN | GptCfg.LOAD);
    own.gptStartNs = this.clock.nowNs();
    if (value & GptCfg.TIMER_EN) this.#gpt.arm(own.gptStartNs + ((value & GptCfg.LOAD) + 1) * GPT_TICK_NS);
    else this.#gpt.cancel();
  }

  #gptCount(): number {
    const { gptCfg, gptStartNs } = this.#registers;
    const ticks = Math.floor((this.clock.nowNs() - gptStartNs) / GPT_TICK_NS);
    return gptCfg & GptCfg.TIMER_EN ? ((gptCfg & GptCfg.LOAD) - ticks) & 0xffff : 0xffff;
  }

  /** It goes on from its load value (5.3.15). */
  #gptExpired(): void {
    this.#registers.intSts |= Int.GPT;
    this.#writeTimer(this.#registers.gptCfg);
    this.#update();
  }

  #update(): void {
    const own = this.#registers;
    this.#frames.raiseLevels();
    if (this.#phy.interrupt) own.intSts |= Int.PHY;
    const wanted = (own.intSts & own.intEn) !== 0 && (own.irqCfg & IrqCfg.IRQ_EN) !== 0;
    // Only a push-pull output of positive polarity is high for an interrupt (5.3.2).
    const activeHigh =
      (own.irqCfg & (IrqCfg.IRQ_TYPE | IrqCfg.IRQ_POL)) === (IrqCfg.IRQ_TYPE | IrqCfg.IRQ_POL);
    this.#config.interrupt.set(wanted === activeHigh);
  }
}
