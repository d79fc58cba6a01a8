import { PassthroughError } from '../errors.ts';
import type { BarDescription, FunctionDescription } from '../pci/endpoint.ts';
import { CapabilityId, ConfigMap, type FoundCapability, findCapabilities } from './config-map.ts';
import type { RegionInfo } from './info-chains.ts';

/** What a real function looks like to the guest, and what of its configuration space is reached through the map. */
export interface RealFunction {
  readonly description: FunctionDescription;
  readonly configMap: ConfigMap;
  /** Offset of the power management capability's control register (PMCSR), when there is one. */
  readonly powerControl: number | undefined;
}

/** Counts of interrupts that the host can deliver. */
export interface DeliverableInterrupts {
  readonly intx: boolean;
  /** MSI vectors that the host gives, 0 for none. */
  readonly msi: number;
  readonly msix: number;
}

const HEADER_TYPE = 0x0e;
const BASE_ADDRESS_0 = 0x10;
const INTERRUPT_PIN = 0x3d;

/** Capabilities of the device's own that the guest's driver may need; all others are ours or stay hidden. */
const shownAsTheyAre: ReadonlySet<number> = new Set([
  CapabilityId.VITAL_PRODUCT_DATA,
  CapabilityId.VENDOR_SPECIFIC,
  CapabilityId.DEBUG_PORT,
  CapabilityId.SATA,
]);

/** Bytes of a capability; unknown kinds end where the next one starts. */
function capabilityLength(config: Uint8Array, { id, offset }: FoundCapability, next: number): number {
  const control = config[offset + 2] | (config[offset + 3] << 8);
  switch (id) {
    case CapabilityId.POWER_MANAGEMENT:
    case CapabilityId.VITAL_PRODUCT_DATA:
    case CapabilityId.SATA:
      return 8;
    case CapabilityId.MSI:
      return 10 + (control & 0x80 ? 4 : 0) + (control & 0x100 ? 10 : 0);
    case CapabilityId.MSIX:
      return 12;
    case CapabilityId.DEBUG_PORT:
      return 4;
    case CapabilityId.VENDOR_SPECIFIC:
      return Math.max(config[offset + 2], 3);
    default:
      return next - offset;
  }
}

function describeBars(config: DataView, regions: readonly RegionInfo[]): BarDescription[] {
  const bars: BarDescription[] = [];
  for (let index = 0; index < 6; index++) {
    const { size } = regions[index];
    if (size === 0) continue;
    const register = config.getUint32(BASE_ADDRESS_0 + 4 * index, true);
    if (register & 1) {
      bars.push({ index, kind: 'io', size });
      continue;
    }
    const is64Bit = (register & 6) === 4;
    bars.push({
      index,
      kind: is64Bit ? 'memory64' : 'memory32',
      prefetchable: (register & 8) !== 0,
      // Below 16 bytes no memory BAR can be expressed; none exists in hardware either.
      size: Math.max(size, 16),
    });
    if (is64Bit) index++;
  }
  return bars;
}

function describeMsi(config: DataView, offset: number, deliverable: number): FunctionDescription['msi'] {
  const control = config.getUint16(offset + 2, true);
  const wanted = Math.min(1 << ((control >> 1) & 7), deliverable, 32);
  return {
    vectors: 1 << Math.floor(Math.log2(wanted)),
    is64Bit: (control & 0x80) !== 0,
    maskable: (control & 0x100) !== 0,
  };
}

function describeMsix(config: DataView, offset: number, deliverable: number): FunctionDescription['msix'] {
  const table = config.getUint32(offset + 4, true);
  const pba = config.getUint32(offset + 8, true);
  return {
    vectors: Math.min((config.getUint16(offset + 2, true) & 0x7ff) + 1, deliverable),
    tableBar: table & 7,
    tableOffset: table - (table & 7),
    pbaBar: pba & 7,
    pbaOffset: pba - (pba & 7),
  };
}

/**
 * Describes a real function from its configuration space.
 * @param bytes configuration space as VFIO shows it, 256 or 4096 bytes
 * @param regions BAR 0 to 5
 * @param resettable whether a guest's function-level reset can be carried out
 */
export function describeRealFunction(
  address: string,
  bytes: Uint8Array,
  regions: readonly RegionInfo[],
  interrupts: DeliverableInterrupts,
  resettable: boolean,
): RealFunction {
  const config = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if ((bytes[HEADER_TYPE] & 0x7f) !== 0)
    throw new PassthroughError(
      `${address} has a configuration header of type ${bytes[HEADER_TYPE] & 0x7f}: it is a bridge.`,
      'Only endpoints (header type 0) can be handed to a guest; choose a device behind the bridge.',
    );

  const capabilities = findCapabilities(bytes);
  const starts = capabilities.map(({ offset }) => offset).sort((a, b) => a - b);
  const sized = capabilities.map((capability) => {
    const next = starts.find((start) => start > capability.offset) ?? 0x100;
    const length = Math.min(capabilityLength(bytes, capability, next), next - capability.offset);
    return { ...capability, length };
  });
  const offsetOf = (id: number) => capabilities.find((capability) => capability.id === id)?.offset;
  const power = offsetOf(CapabilityId.POWER_MANAGEMENT);
  const msi = offsetOf(CapabilityId.MSI);
  const msix = offsetOf(CapabilityId.MSIX);
  const pcie = offsetOf(CapabilityId.PCI_EXPRESS);
  const pin = bytes[INTERRUPT_PIN];

  const description: FunctionDescription = {
    vendorId: config.getUint16(0x00, true),
    deviceId: config.getUint16(0x02, true),
    revision: bytes[0x08],
    classCode: (bytes[0x0b] << 16) | (bytes[0x0a] << 8) | bytes[0x09],
    subsystemVendorId: config.getUint16(0x2c, true),
    subsystemId: config.getUint16(0x2e, true),
    bars: describeBars(config, regions),
    interruptPin: interrupts.intx && (pin === 1 || pin === 2 || pin === 3 || pin === 4) ? pin : 0,
    ...(msi !== undefined && interrupts.msi > 0 ? { msi: describeMsi(config, msi, interrupts.msi)! } : {}),
    ...(msix !== undefined && interrupts.msix > 0
      ? { msix: describeMsix(config, msix, interrupts.msix)! }
      : {}),
    pcie: pcie !== undefined,
    functionLevelReset: pcie !== undefined && resettable,
    powerManagement: power !== undefined,
    extraCapabilities: sized
      .filter(({ id }) => shownAsTheyAre.has(id))
      .map(({ id, offset, length }) => ({ id, offset, bytes: bytes.slice(offset + 2, offset + length) })),
    capabilityOffsets: {
      ...(power !== undefined ? { powerManagement: power } : {}),
      ...(msi !== undefined ? { msi } : {}),
      ...(msix !== undefined ? { msix } : {}),
      ...(pcie !== undefined ? { pcie } : {}),
    },
  };
  return {
    description,
    configMap: new ConfigMap(
      bytes,
      sized.filter(({ id }) => !shownAsTheyAre.has(id)),
    ),
    powerControl: power === undefined ? undefined : power + 4,
  };
}
