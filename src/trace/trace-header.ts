import type { PciFunction } from '../pci/function.ts';
import { formatBdf, Header } from '../pci/registers.ts';
import {
  hex,
  TRACE_FORMAT,
  TRACE_VERSION,
  type TraceCategory,
  type TraceDevice,
  type TraceHeader,
} from './events.ts';

/** What a trace says of the machine that it is of. */
export function traceHeader(
  machine: string,
  categories: readonly TraceCategory[],
  iommu: boolean,
  functions: readonly PciFunction[],
): TraceHeader {
  return {
    format: TRACE_FORMAT,
    version: TRACE_VERSION,
    machine,
    categories,
    iommu,
    devices: functions.map(describe),
  };
}

function describe({ bdf, endpoint, config }: PciFunction): TraceDevice {
  const { registers } = config;
  const { msix } = endpoint.description;
  return {
    address: formatBdf(bdf),
    name: endpoint.name,
    vendorId: hex(registers.read(Header.VENDOR_ID, 2)),
    deviceId: hex(registers.read(Header.DEVICE_ID, 2)),
    classCode: hex(registers.read(Header.REVISION_ID, 4) >>> 8),
    bars: config.bars.places().map(({ description: { index, kind, size } }) => ({ index, kind, size })),
    capabilities: config.capabilities.map(({ capability: { id, length }, offset }) => ({
      id,
      offset,
      length,
    })),
    ...(msix && { msix }),
  };
}
