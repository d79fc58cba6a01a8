import type { HostFacts } from './host-facts.ts';

/**
 * What a bridge does about traffic between the devices below it, by Access Control Services (PCI Express Base 3.0,
 * 6.12): `on` sends all of it up to the IOMMU, `off` could and does not, `none` can't, `unneeded` is no port where such
 * traffic turns round; `unknown` where this process may not read it.
 */
export type PortIsolation = 'on' | 'off' | 'none' | 'unneeded' | 'unknown';

/** A bridge above a device. */
export interface PortAbove {
  readonly address: string;
  readonly isolation: PortIsolation;
}

const HEADER_SIZE = 64;
const STATUS = 0x06;
const CAPABILITIES_LIST = 1 << 4;
const CAPABILITIES_POINTER = 0x34;
const PCI_EXPRESS = 0x10;
const PortType = { ROOT: 4, UPSTREAM: 5, DOWNSTREAM: 6 } as const;
const EXTENDED = 0x100;
const ACS = 0x000d;
const ACS_CAPABILITY = 4;
const ACS_CONTROL = 6;
/** Source validation, P2P request redirect, P2P completion redirect, upstream forwarding (7.16.2). */
const ACS_NEEDED = (1 << 0) | (1 << 2) | (1 << 3) | (1 << 4);

/** Reads it from a bridge's configuration space, of which others than root see the first 64 bytes only. */
export function portIsolation(config: Uint8Array): PortIsolation {
  if (config.length <= HEADER_SIZE) return 'unknown';
  const view = new DataView(config.buffer, config.byteOffset, config.byteLength);
  const express = findCapability(view);
  if (express === undefined) return 'none';
  const type = (view.getUint16(express + 2, true) >>> 4) & 0xf;
  if (type === PortType.UPSTREAM) return 'unneeded';
  if (type !== PortType.ROOT && type !== PortType.DOWNSTREAM) return 'none';
  const acs = findAcs(view);
  if (acs === undefined) return 'none';
  // What the capability leaves out is hard-wired, if it applies at all.
  const needed = ACS_NEEDED & view.getUint16(acs + ACS_CAPABILITY, true);
  return (view.getUint16(acs + ACS_CONTROL, true) & needed) === needed ? 'on' : 'off';
}

function findCapability(view: DataView): number | undefined {
  if ((view.getUint16(STATUS, true) & CAPABILITIES_LIST) === 0) return undefined;
  let at = view.getUint8(CAPABILITIES_POINTER) & ~3;
  for (
    let guard = 0;
    at >= HEADER_SIZE && at + 4 <= Math.min(view.byteLength, EXTENDED) && guard < 48;
    guard++
  ) {
    if (view.getUint8(at) === PCI_EXPRESS) return at;
    at = view.getUint8(at + 1) & ~3;
  }
  return undefined;
}

function findAcs(view: DataView): number | undefined {
  let at = EXTENDED;
  for (let guard = 0; at >= EXTENDED && at + 8 <= view.byteLength && guard < 960; guard++) {
    const header = view.getUint32(at, true);
    if ((header & 0xffff) === ACS) return at;
    at = (header >>> 20) & ~3;
  }
  return undefined;
}

/** The bridges between a device and its host bridge, the outermost first. */
export function portsAbove(facts: HostFacts, address: string): PortAbove[] {
  return facts
    .trail(address)
    .slice(1, -1)
    .map((port) => ({ address: port, isolation: portIsolation(facts.config(port)) }));
}
