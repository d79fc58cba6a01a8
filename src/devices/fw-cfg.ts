import type { DmaPort } from '../ports/dma.ts';
import { type AccessSize, type DeviceLog, type MmioDevice, silentLog } from '../ports/mmio.ts';
import { assignPlain } from '../ports/plain-state.ts';
import type { Saveable } from '../ports/saveable.ts';

/** Registers (QEMU's specification of fw_cfg, "Register Locations" for Arm): data, selector, DMA address. */
const Register = { data: 0x00, selector: 0x08, dmaHigh: 0x10, dmaLow: 0x14, end: 0x18 } as const;

/** Keys of the items that have no name (the same, "Configuration Items"). */
export const FwCfgKey = {
  SIGNATURE: 0x00,
  ID: 0x01,
  UUID: 0x02,
  RAM_SIZE: 0x03,
  NOGRAPHIC: 0x04,
  NB_CPUS: 0x05,
  KERNEL_SIZE: 0x08,
  INITRD_SIZE: 0x0b,
  BOOT_MENU: 0x0e,
  MAX_CPUS: 0x0f,
  KERNEL_DATA: 0x11,
  INITRD_DATA: 0x12,
  CMDLINE_SIZE: 0x14,
  CMDLINE_DATA: 0x15,
  FILE_DIR: 0x19,
  FILE_FIRST: 0x20,
} as const;

/** Bits of a DMA command's control word. */
const DMA_ERROR = 1;
const DMA_READ = 2;
const DMA_SKIP = 4;
const DMA_SELECT = 8;
const DMA_WRITE = 16;
const DMA_COMMAND_BYTES = 16;
/** What is moved at once. */
const PIECE = 65536;
/** Zeros that a DMA read may ask for behind an item's end. */
const LONGEST_TAIL = 65536;

/** ID: the register interface and DMA. */
const FEATURES = 3;
const DIRECTORY_ENTRY_BYTES = 64;
const NAME_BYTES = 56;
/** Read at the DMA register: "QEMU CFG". */
const DMA_SIGNATURE = [0x51454d55, 0x20434647] as const;

const NOTHING = new Uint8Array(0);
const encoder = new TextEncoder();

export interface FwCfgConfig {
  /** What the guest finds by key; the signature, the features and the directory come from the device. */
  readonly items: ReadonlyMap<number, Uint8Array>;
  /** What it finds by name; 55 bytes of a name at most. */
  readonly files: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  readonly dma: DmaPort;
}

export type FwCfgState = { key: number; offset: number; dmaHigh: number };

/** 32 bits, little-endian: how most items tell a number. */
export function fwCfgWord(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

/** The same with 16 bits. */
export function fwCfgHalfword(value: number): Uint8Array {
  return fwCfgWord(value).subarray(0, 2);
}

/**
 * QEMU's firmware configuration device with its DMA interface: how firmware learns of the machine and gets the kernel
 * that `--kernel` names. Its registers are big-endian, data is a string of bytes.
 */
export class FwCfg implements MmioDevice, Saveable<FwCfgState> {
  readonly state: FwCfgState = { key: 0, offset: 0, dmaHigh: 0 };
  readonly #items: ReadonlyMap<number, Uint8Array>;
  readonly #dma: DmaPort;
  readonly #log: DeviceLog;

  constructor(config: FwCfgConfig, log: DeviceLog = silentLog) {
    this.#dma = config.dma;
    this.#log = log;
    const files = config.files.map((file, i) => [FwCfgKey.FILE_FIRST + i, file.bytes] as const);
    this.#items = new Map([
      ...config.items,
      ...files,
      [FwCfgKey.SIGNATURE, encoder.encode('QEMU')],
      [FwCfgKey.ID, fwCfgWord(FEATURES)],
      [FwCfgKey.FILE_DIR, directory(config.files)],
    ]);
  }

  reset(): void {
    this.#select(0);
    this.state.dmaHigh = 0;
  }

  saveState(): FwCfgState {
    return { ...this.state };
  }

  restoreState(state: FwCfgState): void {
    assignPlain(this.state, state, 'fw_cfg');
  }

  read(offset: number, size: AccessSize): number {
    if (offset < Register.selector) return this.#nextBytes(size);
    if (offset >= Register.dmaHigh && offset < Register.end) {
      const word = DMA_SIGNATURE[offset < Register.dmaLow ? 0 : 1];
      return size === 4 ? byteSwapped(word) : 0;
    }
    this.#log.guestError(`fw_cfg: read of offset 0x${offset.toString(16)}`);
    return 0;
  }

  write(offset: number, size: AccessSize, value: number): void {
    if (offset === Register.selector && size === 2) {
      this.#select(((value & 0xff) << 8) | (value >>> 8));
    } else if (offset === Register.dmaHigh && size === 4) {
      this.state.dmaHigh = byteSwapped(value);
    } else if (offset === Register.dmaLow && size === 4) {
      const address = this.state.dmaHigh * 2 ** 32 + byteSwapped(value);
      this.state.dmaHigh = 0;
      this.#run(address);
    } else {
      this.#log.guestError(`fw_cfg: write of ${size} bytes to offset 0x${offset.toString(16)}`);
    }
  }

  #select(key: number): void {
    this.state.key = key;
    this.state.offset = 0;
  }

  #item(): Uint8Array {
    return this.#items.get(this.state.key) ?? NOTHING;
  }

  /** The first byte is the one at the lowest address; behind the item's end all are zero. */
  #nextBytes(size: AccessSize): number {
    const item = this.#item();
    let value = 0;
    for (let i = 0; i < size; i++) value |= (item[this.state.offset++] ?? 0) << (8 * i);
    return value >>> 0;
  }

  /** A DMA command: control, length and address, big-endian; the control word is written back when it is done. */
  #run(address: number): void {
    const command = new Uint8Array(DMA_COMMAND_BYTES);
    if (!this.#dma.read(address, command)) {
      this.#log.guestError(`fw_cfg: no memory for a DMA command at 0x${address.toString(16)}`);
      return;
    }
    const view = new DataView(command.buffer);
    const control = view.getUint32(0);
    if ((control & DMA_SELECT) !== 0) this.#select(control >>> 16);
    const done = this.#transfer(control, view.getUint32(4), Number(view.getBigUint64(8)));
    view.setUint32(0, done ? 0 : DMA_ERROR);
    this.#dma.write(address, command.subarray(0, 4));
  }

  #transfer(control: number, length: number, address: number): boolean {
    if ((control & DMA_READ) !== 0) return this.#readTo(address, length);
    // Items can't be written.
    if ((control & DMA_WRITE) !== 0) return false;
    if ((control & DMA_SKIP) !== 0) this.state.offset += length;
    return true;
  }

  #readTo(address: number, length: number): boolean {
    const item = this.#item();
    const { state } = this;
    const left = Math.max(0, item.length - state.offset);
    if (length > left + LONGEST_TAIL) {
      this.#log.guestError(`fw_cfg: DMA of ${length} bytes from an item with ${left}`);
      return false;
    }
    for (let done = 0; done < length; ) {
      const count = Math.min(PIECE, length - done);
      const piece = new Uint8Array(count);
      piece.set(item.subarray(state.offset, state.offset + count));
      if (!this.#dma.write(address + done, piece)) return false;
      state.offset += count;
      done += count;
    }
    return true;
  }
}

/** Number of files, then for each its size, key and name, big-endian. */
function directory(files: FwCfgConfig['files']): Uint8Array {
  const bytes = new Uint8Array(4 + files.length * DIRECTORY_ENTRY_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, files.length);
  for (const [i, file] of files.entries()) {
    const at = 4 + i * DIRECTORY_ENTRY_BYTES;
    view.setUint32(at, file.bytes.length);
    view.setUint16(at + 4, FwCfgKey.FILE_FIRST + i);
    bytes.set(encoder.encode(file.name).subarray(0, NAME_BYTES - 1), at + 8);
  }
  return bytes;
}

function byteSwapped(value: number): number {
  return ((value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;
}
