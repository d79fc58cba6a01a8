import { assignPlain, copyPlain } from '../../ports/plain-state.ts';
import type { Saveable } from '../../ports/saveable.ts';
import { addressHash } from './ethernet-crc.ts';
import { PHY_ADDRESS, type Phy } from './phy.ts';
import { MAC, MacCr, MiiAcc, RxStatus } from './registers.ts';

const REGISTERS = 16;
const MINIMUM_FRAME = 60;
const LONGEST_LENGTH = 1500;

/** The bits of each register that keep what is written (LAN9118 datasheet 5.4). */
const WRITABLE: Readonly<Record<number, number>> = {
  [MAC.CR]: 0x80bf_bdec,
  [MAC.ADDRH]: 0xffff,
  [MAC.ADDRL]: 0xffff_ffff,
  [MAC.HASHH]: 0xffff_ffff,
  [MAC.HASHL]: 0xffff_ffff,
  [MAC.MII_ACC]: 0xffc2,
  [MAC.MII_DATA]: 0xffff,
  [MAC.FLOW]: 0xffff_0006,
  [MAC.VLAN1]: 0xffff,
  [MAC.VLAN2]: 0xffff,
  [MAC.WUFF]: 0xffff_ffff,
  [MAC.WUCSR]: 0x0206,
};

export type MacState = { readonly registers: Uint32Array };

/** The MAC of the chip: its registers, which frames it lets in, and the way to the PHY. */
export class EthernetMac implements Saveable<MacState> {
  readonly state: MacState = { registers: new Uint32Array(REGISTERS) };
  readonly #phy: Phy;

  constructor(phy: Phy) {
    this.#phy = phy;
  }

  /** @param address the card's; undefined: its registers have ones */
  reset(address: Uint8Array | undefined): void {
    const { registers } = this.state;
    registers.fill(0);
    registers[MAC.CR] = MacCr.PRMS;
    this.load(address);
  }

  /** Takes the address of the EEPROM. */
  load(address: Uint8Array = new Uint8Array(6).fill(0xff)): void {
    const view = new DataView(address.buffer, address.byteOffset);
    this.state.registers[MAC.ADDRL] = view.getUint32(0, true);
    this.state.registers[MAC.ADDRH] = view.getUint16(4, true);
  }

  saveState(): MacState {
    return copyPlain(this.state);
  }

  restoreState(saved: MacState): void {
    assignPlain(this.state, saved, 'the MAC');
  }

  /** MAC_CR. */
  get control(): number {
    return this.state.registers[MAC.CR];
  }

  read(register: number): number {
    return this.state.registers[register] ?? 0;
  }

  write(register: number, value: number): void {
    const { registers } = this.state;
    registers[register] = value & (WRITABLE[register] ?? 0);
    if (register !== MAC.MII_ACC) return;
    // 5.4.6: address in bits 15 to 11, register in 10 to 6. Where no PHY is, the line is high.
    const here = value >>> 11 === PHY_ADDRESS;
    const number = (value >>> 6) & 31;
    if (value & MiiAcc.WRITE) {
      if (here) this.#phy.write(number, registers[MAC.MII_DATA]);
    } else {
      registers[MAC.MII_DATA] = here ? this.#phy.read(number) : 0xffff;
    }
  }

  /**
   * What the receive status says of a frame, without its length; undefined for one that is not let in.
   * @param frame without its check sequence
   */
  statusOf(frame: Uint8Array): number | undefined {
    const passes = this.#passes(frame);
    if (!passes && !(this.control & MacCr.RXALL)) return undefined;
    const isBroadcast = frame.subarray(0, 6).every((byte) => byte === 0xff);
    const lengthField = (frame[12] << 8) | frame[13];
    return (
      (passes ? 0 : RxStatus.FILTERING_FAIL) |
      (isBroadcast ? RxStatus.BROADCAST : 0) |
      (frame[0] & 1 && !isBroadcast ? RxStatus.MULTICAST : 0) |
      (lengthField > LONGEST_LENGTH ? RxStatus.FRAME_TYPE : 0) |
      (frame.length < MINIMUM_FRAME ? RxStatus.RUNT : 0)
    );
  }

  /** Table 3.1. */
  #passes(frame: Uint8Array): boolean {
    const { control } = this;
    const destination = frame.subarray(0, 6);
    if (destination.every((byte) => byte === 0xff)) return (control & MacCr.BCAST) === 0;
    if (control & MacCr.PRMS) return true;
    const isMulticast = (destination[0] & 1) !== 0;
    if (isMulticast && control & MacCr.MCPAS) return true;
    const byHash = isMulticast ? control & (MacCr.HPFILT | MacCr.HFILT) : control & MacCr.HFILT;
    if (byHash) return this.#isHashed(destination);
    return this.#isOwn(destination) !== ((control & MacCr.INVFILT) !== 0);
  }

  #isOwn(destination: Uint8Array): boolean {
    const { registers } = this.state;
    return destination.every((byte, i) => {
      const own = i < 4 ? registers[MAC.ADDRL] >>> (8 * i) : registers[MAC.ADDRH] >>> (8 * (i - 4));
      return byte === (own & 0xff);
    });
  }

  #isHashed(destination: Uint8Array): boolean {
    const hash = addressHash(destination);
    const table = this.state.registers[hash >= 32 ? MAC.HASHH : MAC.HASHL];
    return ((table >>> (hash & 31)) & 1) === 1;
  }
}
