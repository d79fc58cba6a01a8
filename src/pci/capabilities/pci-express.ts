import type { Capability, CapabilityHost } from '../capability.ts';
import type { ConfigRegisters, ConfigWrite } from '../config-registers.ts';
import { CapabilityId } from '../registers.ts';

/** Offsets within the capability (PCIe 3.0 7.8, figure 7-10). */
export const PciExpressRegister = {
  PCI_EXPRESS_CAPABILITIES: 0x02,
  DEVICE_CAPABILITIES: 0x04,
  DEVICE_CONTROL: 0x08,
  DEVICE_STATUS: 0x0a,
  LINK_CAPABILITIES: 0x0c,
  LINK_CONTROL: 0x10,
  LINK_STATUS: 0x12,
  SLOT_CAPABILITIES: 0x14,
  SLOT_CONTROL: 0x18,
  SLOT_STATUS: 0x1a,
  ROOT_CONTROL: 0x1c,
  ROOT_CAPABILITIES: 0x1e,
  ROOT_STATUS: 0x20,
  DEVICE_CAPABILITIES_2: 0x24,
  DEVICE_CONTROL_2: 0x28,
  DEVICE_STATUS_2: 0x2a,
  LINK_CAPABILITIES_2: 0x2c,
  LINK_CONTROL_2: 0x30,
  LINK_STATUS_2: 0x32,
  SLOT_CAPABILITIES_2: 0x34,
  SLOT_CONTROL_2: 0x38,
  SLOT_STATUS_2: 0x3a,
} as const;
const { PCI_EXPRESS_CAPABILITIES, DEVICE_CAPABILITIES, DEVICE_CONTROL, DEVICE_STATUS } = PciExpressRegister;
/** Length of version 2, and of version 1 with and without link registers (PCI Express 1.1, 7.8). */
const LENGTH_VERSION_2 = 0x3c;
const LENGTH_VERSION_1 = 0x14;
const LENGTH_WITHOUT_LINK = 0x0c;
/** Device/Port Type (7.8.2): a function on the root bus has no link above it. */
const ROOT_COMPLEX_INTEGRATED_ENDPOINT = 0b1001 << 4;
/** Device Capabilities (7.8.3). Role-based error reporting is required since 1.1. */
const ROLE_BASED_ERROR_REPORTING = 1 << 15;
const FUNCTION_LEVEL_RESET_CAPABLE = 1 << 28;
/** Device Control (7.8.4): error reporting, relaxed ordering, payload size, no snoop, read request size. */
const DEVICE_CONTROL_WRITABLE = 0x78ff;
/** Relaxed ordering and no snoop enabled, read requests of 512 bytes: the defaults of 7.8.4. */
const DEVICE_CONTROL_RESET = 0x2810;
const INITIATE_FUNCTION_LEVEL_RESET = 1 << 7;
/** Device Status (7.8.5): the four error bits are cleared by writing 1. */
const DEVICE_STATUS_ERRORS = 0x000f;

/**
 * The PCI Express capability of a root complex integrated endpoint: link, slot and root registers are there and
 * read as zero, since such a function has none (7.8).
 */
export class PciExpress implements Capability {
  readonly id = CapabilityId.PCI_EXPRESS;
  readonly length: number;
  readonly wantedOffset: number | undefined;
  private readonly host: CapabilityHost;
  private readonly functionLevelReset: boolean;
  private offset = 0;

  /** @param room bytes free at the wanted offset: real devices often have the shorter version 1 there */
  constructor(
    host: CapabilityHost,
    functionLevelReset: boolean,
    wantedOffset: number | undefined,
    room: number,
  ) {
    this.host = host;
    this.functionLevelReset = functionLevelReset;
    this.wantedOffset = wantedOffset;
    const fitting = [LENGTH_VERSION_2, LENGTH_VERSION_1, LENGTH_WITHOUT_LINK].find(
      (length) => length <= room,
    );
    this.length = fitting ?? LENGTH_WITHOUT_LINK;
  }

  place(registers: ConfigRegisters, offset: number): void {
    this.offset = offset;
    for (let at = 0; at < this.length; at += 4) registers.define(offset + at, 4, 0);
    const version = this.length === LENGTH_VERSION_2 ? 2 : 1;
    registers.define(offset + PCI_EXPRESS_CAPABILITIES, 2, version | ROOT_COMPLEX_INTEGRATED_ENDPOINT);
    const reset = this.functionLevelReset ? FUNCTION_LEVEL_RESET_CAPABLE : 0;
    registers.define(offset + DEVICE_CAPABILITIES, 4, ROLE_BASED_ERROR_REPORTING | reset);
    registers.define(offset + DEVICE_CONTROL, 2, DEVICE_CONTROL_RESET, DEVICE_CONTROL_WRITABLE);
    registers.define(offset + DEVICE_STATUS, 2, 0, 0, DEVICE_STATUS_ERRORS);
  }

  written(write: ConfigWrite): void {
    // 7.8.4: the bit always reads as zero, so the registers never hold it.
    const high = write.byteAt(this.offset + DEVICE_CONTROL + 1) ?? 0;
    if (this.functionLevelReset && (high & INITIATE_FUNCTION_LEVEL_RESET) !== 0)
      this.host.functionLevelReset();
  }

  refresh(): void {}
}
