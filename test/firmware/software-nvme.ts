import type { AccessSize, EndpointPort, FunctionDescription, PciEndpoint } from '../../src/index.ts';

const BLOCK_SIZE = 512;
/** Controller registers (NVM Express 1.4, 3.1). */
const Register = {
  CAP: 0,
  CAP_HIGH: 4,
  VS: 8,
  CC: 0x14,
  CSTS: 0x1c,
  AQA: 0x24,
  ASQ: 0x28,
  ACQ: 0x30,
} as const;
const DOORBELLS = 0x1000;
const MSIX_TABLE = 0x2000;
const PBA = 0x3000;
const ENABLE = 1;
/** Status codes (4.6.1). */
const Status = { OK: 0, INVALID_OPCODE: 1, DATA_TRANSFER_ERROR: 4 } as const;

const DESCRIPTION: FunctionDescription = {
  vendorId: 0x1b36,
  deviceId: 0x0010,
  classCode: 0x010802,
  bars: [{ index: 0, kind: 'memory64', size: 0x4000 }],
  msix: { vectors: 2, tableBar: 0, tableOffset: MSIX_TABLE, pbaBar: 0, pbaOffset: PBA },
  pcie: true,
};

interface Queue {
  readonly base: number;
  readonly length: number;
  readonly vector: number;
  /** Where the next entry is taken from, or put. */
  at: number;
  phase: number;
}

/**
 * As much of an NVMe controller as the firmware drives: an admin and one I/O queue pair, Identify, Read and Write of what
 * two PRP entries reach. Commands are carried out when their doorbell is rung.
 */
export class SoftwareNvme implements PciEndpoint {
  readonly name = 'nvme';
  readonly description = DESCRIPTION;
  readonly drive: Uint8Array;
  private port: EndpointPort | undefined;
  private readonly registers = new Uint32Array(0x40 / 4);
  private readonly submission = new Map<number, Queue>();
  private readonly completion = new Map<number, Queue>();

  /** @param drive its contents, in blocks of 512 bytes */
  constructor(drive: Uint8Array) {
    this.drive = drive;
  }

  attach(port: EndpointPort): void {
    this.port = port;
  }

  detach(): void {
    this.port = undefined;
  }

  reset(): void {
    this.registers.fill(0);
    this.submission.clear();
    this.completion.clear();
  }

  readBar(_bar: number, offset: number, size: AccessSize): number {
    if (size !== 4) return 0;
    // 256 entries in one piece; ready within half a second; NVM commands; pages of 4 KiB.
    if (offset === Register.CAP) return 0x0101_00ff;
    if (offset === Register.CAP_HIGH) return 0x20;
    if (offset === Register.VS) return 0x0001_0400;
    return offset < 0x40 ? this.registers[offset >> 2]! : 0;
  }

  writeBar(_bar: number, offset: number, size: AccessSize, value: number): void {
    if (size !== 4) return;
    if (offset >= DOORBELLS) this.ring((offset - DOORBELLS) >> 3, (offset & 4) !== 0, value);
    else if (offset < 0x40 && offset !== Register.CSTS) this.registers[offset >> 2] = value;
    if (offset === Register.CC) this.configure(value);
  }

  private configure(cc: number): void {
    this.submission.clear();
    this.completion.clear();
    const enabled = cc & ENABLE;
    this.registers[Register.CSTS >> 2] = enabled;
    if (enabled === 0) return;
    const address = (at: number): number =>
      this.registers[at >> 2]! + this.registers[(at >> 2) + 1]! * 2 ** 32;
    const aqa = this.registers[Register.AQA >> 2]!;
    const length = (shift: number): number => ((aqa >>> shift) & 0xfff) + 1;
    this.submission.set(0, { base: address(Register.ASQ), length: length(0), vector: 0, at: 0, phase: 1 });
    this.completion.set(0, { base: address(Register.ACQ), length: length(16), vector: 0, at: 0, phase: 1 });
  }

  private ring(id: number, isCompletion: boolean, tail: number): void {
    const queue = this.submission.get(id);
    if (isCompletion || queue === undefined || tail >= queue.length) return;
    while (queue.at !== tail) {
      const command = new Uint8Array(64);
      // 9.5: a command that can't be fetched is a fatal error of the controller.
      if (this.port?.dma.read(queue.base + 64 * queue.at, command) !== true) {
        this.registers[Register.CSTS >> 2]! |= 2;
        return;
      }
      queue.at = (queue.at + 1) % queue.length;
      const view = new DataView(command.buffer);
      const status = id === 0 ? this.administer(view) : this.transfer(view);
      this.complete(id, queue.at, view.getUint16(2, true), status);
    }
  }

  private complete(id: number, head: number, command: number, status: number): void {
    const queue = this.completion.get(id);
    if (queue === undefined) return;
    const entry = new DataView(new ArrayBuffer(16));
    entry.setUint16(8, head, true);
    entry.setUint16(10, id, true);
    entry.setUint16(12, command, true);
    entry.setUint16(14, (status << 1) | queue.phase, true);
    this.port?.dma.write(queue.base + 16 * queue.at, new Uint8Array(entry.buffer));
    queue.at = (queue.at + 1) % queue.length;
    if (queue.at === 0) queue.phase ^= 1;
    this.port?.signalMsi(queue.vector);
  }

  /** Create I/O completion and submission queue (5.3, 5.4), Identify (5.15). */
  private administer(command: DataView): number {
    const [dw10, dw11] = [command.getUint32(40, true), command.getUint32(44, true)];
    const queue = { base: prp(command, 24), length: (dw10 >>> 16) + 1, vector: dw11 >>> 16, at: 0, phase: 1 };
    switch (command.getUint8(0)) {
      case 1:
        this.submission.set(dw10 & 0xffff, queue);
        return Status.OK;
      case 5:
        this.completion.set(dw10 & 0xffff, queue);
        return Status.OK;
      case 6:
        return this.identify(prp(command, 24), dw10 & 0xff);
      default:
        return Status.INVALID_OPCODE;
    }
  }

  private identify(address: number, what: number): number {
    const data = new Uint8Array(4096);
    const text = (at: number, length: number, value: string): void =>
      data.set(new TextEncoder().encode(value.padEnd(length)), at);
    if (what === 1) {
      text(4, 20, 'software-1');
      text(24, 40, 'NVMe of a test');
    } else {
      new DataView(data.buffer).setBigUint64(0, BigInt(this.drive.length / BLOCK_SIZE), true);
      // LBA format 0: 2^9 bytes.
      data[130] = 9;
    }
    return this.port?.dma.write(address, data) === true ? Status.OK : Status.DATA_TRANSFER_ERROR;
  }

  /** Write and Read (6.15, 6.9) of one or more blocks: the rest of a page at PRP 1, then PRP 2 (4.3). */
  private transfer(command: DataView): number {
    const opcode = command.getUint8(0);
    if (opcode !== 1 && opcode !== 2) return Status.INVALID_OPCODE;
    const from = command.getUint32(40, true) * BLOCK_SIZE;
    const data = this.drive.subarray(from, from + (command.getUint16(48, true) + 1) * BLOCK_SIZE);
    const first = Math.min(data.length, 4096 - (prp(command, 24) % 4096));
    const parts: [number, Uint8Array][] = [
      [prp(command, 24), data.subarray(0, first)],
      [prp(command, 32), data.subarray(first)],
    ];
    for (const [address, bytes] of parts) {
      if (bytes.length === 0) continue;
      const done = opcode === 1 ? this.port?.dma.read(address, bytes) : this.port?.dma.write(address, bytes);
      if (done !== true) return Status.DATA_TRANSFER_ERROR;
    }
    return Status.OK;
  }
}

const prp = (command: DataView, at: number): number => Number(command.getBigUint64(at, true));
