/** Type 0 configuration header (PCI 3.0 6.1, figure 6-1): byte offsets. */
export const Header = {
  VENDOR_ID: 0x00,
  DEVICE_ID: 0x02,
  COMMAND: 0x04,
  STATUS: 0x06,
  REVISION_ID: 0x08,
  CLASS_CODE: 0x09,
  CACHE_LINE_SIZE: 0x0c,
  LATENCY_TIMER: 0x0d,
  HEADER_TYPE: 0x0e,
  BIST: 0x0f,
  BASE_ADDRESS_0: 0x10,
  CARDBUS_CIS_POINTER: 0x28,
  SUBSYSTEM_VENDOR_ID: 0x2c,
  SUBSYSTEM_ID: 0x2e,
  EXPANSION_ROM_BASE_ADDRESS: 0x30,
  CAPABILITIES_POINTER: 0x34,
  INTERRUPT_LINE: 0x3c,
  INTERRUPT_PIN: 0x3d,
  MIN_GNT: 0x3e,
  MAX_LAT: 0x3f,
} as const;

/** Bytes of the header; capabilities and device-specific registers come after it. */
export const HEADER_SIZE = 0x40;
/** Configuration space that conventional PCI has (PCI 3.0 6.1). */
export const CONVENTIONAL_SIZE = 0x100;
/** Configuration space of a PCI Express function (PCIe 3.0 7.2). */
export const EXTENDED_SIZE = 0x1000;

/** Command register (PCI 3.0 6.2.2, table 6-1). */
export const Command = {
  IO_SPACE: 1 << 0,
  MEMORY_SPACE: 1 << 1,
  BUS_MASTER: 1 << 2,
  SERR_ENABLE: 1 << 8,
  INTERRUPT_DISABLE: 1 << 10,
} as const;

/** Status register (PCI 3.0 6.2.3, table 6-2). */
export const Status = {
  INTERRUPT_STATUS: 1 << 3,
  CAPABILITIES_LIST: 1 << 4,
  MASTER_DATA_PARITY_ERROR: 1 << 8,
  SIGNALED_TARGET_ABORT: 1 << 11,
  RECEIVED_TARGET_ABORT: 1 << 12,
  RECEIVED_MASTER_ABORT: 1 << 13,
  SIGNALED_SYSTEM_ERROR: 1 << 14,
  DETECTED_PARITY_ERROR: 1 << 15,
} as const;

/** Low bits of a base address register (PCI 3.0 6.2.5.1). */
export const BaseAddress = {
  IO: 1 << 0,
  MEMORY_64_BIT: 0b10 << 1,
  PREFETCHABLE: 1 << 3,
} as const;

/** Capability IDs (PCI 3.0 appendix H and the PCI-SIG's assignments). */
export const CapabilityId = {
  POWER_MANAGEMENT: 0x01,
  MSI: 0x05,
  PCI_EXPRESS: 0x10,
  MSIX: 0x11,
} as const;

/** Bus, device and function as one number: the requester ID of PCIe 3.0 2.2.6.2. */
export function makeBdf(bus: number, device: number, fn: number): number {
  return (bus << 8) | (device << 3) | fn;
}

/** `00:01.0`, as lspci writes it. */
export function formatBdf(bdf: number): string {
  const hex = (n: number) => n.toString(16).padStart(2, '0');
  return `${hex(bdf >> 8)}:${hex((bdf >> 3) & 31)}.${bdf & 7}`;
}
