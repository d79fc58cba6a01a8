import { join } from 'node:path';
import { OptionError, PassthroughError } from '../errors.ts';
import type { HostFacts } from './host-facts.ts';
import { parsePciAddress } from './pci-address.ts';
import { listing, readText } from './sysfs.ts';

/**
 * The form that Xen's users know: the host bridge's ACPI name, then device and function at each bridge on the way. Bus
 * numbers are not in it, so it survives a card that is put in or taken out elsewhere.
 */
const pathPattern = /^([A-Z]{3,4}[0-9A-F]{4})(?::([^-:/]+))?((?:-[01]?[0-9a-f]\.[0-7])+)$/i;

/** A host bridge: what sysfs calls it (`pci0000:00`), and its names in ACPI. */
interface RootBridge {
  readonly name: string;
  readonly hid: string;
  /** All names that it answers to: a PCI Express host bridge (PNP0A08) is a PCI one (PNP0A03), too. */
  readonly ids: readonly string[];
  readonly uid: string;
}

function rootBridges(facts: HostFacts): RootBridge[] {
  const devices = join(facts.roots.sys, 'devices');
  return listing(devices)
    .filter((name) => /^pci[0-9a-f]+:/.test(name))
    .flatMap((name) => {
      const node = join(devices, name, 'firmware_node');
      const hid = readText(join(node, 'hid'));
      if (hid === undefined) return [];
      const aliases = /^acpi:(.*)$/m.exec(readText(join(node, 'modalias')) ?? '')?.[1].split(':') ?? [];
      const ids = [hid, ...aliases.filter(Boolean)].map((id) => id.toUpperCase());
      return [{ name, hid, ids, uid: readText(join(node, 'uid')) ?? '0' }];
    });
}

/** Device and function of `0000:00:1c.1`, as numbers in one text. */
function slotOf(address: string): string {
  const [device, fn] = address.slice(-4).split('.');
  return `${Number.parseInt(device, 16)}.${fn}`;
}

/** The stable path of a device, `PNP0A08:0-1c.1-00.0`; undefined on hosts without ACPI. */
export function stablePath(facts: HostFacts, address: string): string | undefined {
  const [root, ...hops] = facts.trail(address);
  const bridge = rootBridges(facts).find(({ name }) => name === root);
  if (bridge === undefined || hops.length === 0) return undefined;
  return `${bridge.hid}:${bridge.uid}${hops.map((hop) => `-${hop.slice(-4)}`).join('')}`;
}

/**
 * The address of a device that is given by its address or by its stable path.
 * @throws OptionError for a text that is neither, PassthroughError for a path that leads nowhere, or to several
 */
export function resolveDevice(facts: HostFacts, text: string): string {
  const match = pathPattern.exec(text.trim());
  if (match === null) return parsePciAddress(text);
  const [, id, uid, slots] = match;
  const bridges = rootBridges(facts).filter(
    (bridge) => bridge.ids.includes(id.toUpperCase()) && (uid === undefined || bridge.uid === uid),
  );
  const wanted = slots
    .slice(1)
    .split('-')
    .map((slot) => slotOf(slot.padStart(4, '0')));
  const found = facts.addresses().filter((address) => {
    const [root, ...hops] = facts.trail(address);
    return (
      bridges.some(({ name }) => name === root) &&
      hops.length === wanted.length &&
      hops.every((hop, i) => slotOf(hop) === wanted[i])
    );
  });
  if (found.length === 1) return found[0];
  if (found.length > 1)
    throw new OptionError(
      `"${text}" names several devices: ${found.join(', ')}.`,
      `Add the host bridge's number: ${found.map((address) => stablePath(facts, address)).join(', ')}`,
    );
  throw new PassthroughError(
    bridges.length === 0
      ? `No host bridge of this host is called ${id}${uid === undefined ? '' : `:${uid}`}.`
      : `No PCI device of this host is at ${text}.`,
    'List devices with their paths: armemu vfio list --json',
  );
}
