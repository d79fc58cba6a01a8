import type { PciFunction } from './function.ts';
import { formatBdf, Header } from './registers.ts';

/** One BAR as a listing shows it. */
export interface BarListing {
  readonly index: number;
  readonly kind: 'memory32' | 'memory64' | 'io';
  readonly prefetchable: boolean;
  /** Bytes. */
  readonly size: number;
  /** Bus address that the guest programmed; 0 until it does. */
  readonly address: number;
  /** True when the function answers there now. */
  readonly enabled: boolean;
}

/** One function as a listing shows it: plain data, in the terms of lspci. */
export interface FunctionListing {
  /** `bus:device.function` in hexadecimal, such as `00:01.0`. */
  readonly address: string;
  readonly name: string;
  readonly vendorId: number;
  readonly deviceId: number;
  readonly revision: number;
  /** 24 bits. */
  readonly classCode: number;
  readonly subsystemVendorId: number;
  readonly subsystemId: number;
  /** 0 for none, 1 to 4 for INTA to INTD. */
  readonly interruptPin: number;
  readonly busMaster: boolean;
  readonly powerState: 0 | 3;
  readonly bars: readonly BarListing[];
  /** The capability list, in its order. */
  readonly capabilities: readonly { readonly id: number; readonly offset: number }[];
}

/** Lists functions with what the guest configured them to. */
export function describeFunctions(functions: Iterable<PciFunction>): FunctionListing[] {
  return Array.from(functions, describeFunction);
}

function describeFunction(fn: PciFunction): FunctionListing {
  const { config, endpoint } = fn;
  const { registers } = config;
  const awake = config.powerState === 0;
  return {
    address: formatBdf(fn.bdf),
    name: endpoint.name,
    vendorId: registers.read(Header.VENDOR_ID, 2),
    deviceId: registers.read(Header.DEVICE_ID, 2),
    revision: registers.read(Header.REVISION_ID, 1),
    classCode: registers.read(Header.REVISION_ID, 4) >>> 8,
    subsystemVendorId: registers.read(Header.SUBSYSTEM_VENDOR_ID, 2),
    subsystemId: registers.read(Header.SUBSYSTEM_ID, 2),
    interruptPin: registers.read(Header.INTERRUPT_PIN, 1),
    busMaster: config.busMaster,
    powerState: config.powerState,
    bars: config.bars.places().map(({ description, address }) => ({
      index: description.index,
      kind: description.kind,
      prefetchable: description.prefetchable === true,
      size: description.size,
      address,
      enabled: awake && (description.kind === 'io' ? config.ioEnabled : config.memoryEnabled),
    })),
    capabilities: config.capabilities.map(({ capability, offset }) => ({ id: capability.id, offset })),
  };
}
