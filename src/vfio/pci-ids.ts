import { join } from 'node:path';
import { readText } from './sysfs.ts';

/** Where distributions put the list of names. */
const PLACES = ['misc/pci.ids', 'hwdata/pci.ids', 'pci.ids'];

/** Names of PCI vendors, devices and classes from the host's `pci.ids`, when it has one. */
export class PciNames {
  private readonly names = new Map<string, string>();

  /** @param share `/usr/share` */
  constructor(share: string) {
    const text = PLACES.map((place) => readText(join(share, place))).find((found) => found !== undefined);
    // Vendors and "C" classes at the margin, what they have one tab in; subsystems, two tabs in, are not needed.
    let parent = '';
    for (const [, indent, isClass, id, name] of (text ?? '').matchAll(
      /^(\t?)(C )?([0-9a-f]{2}(?:[0-9a-f]{2})?) {2}(.*)$/gm,
    )) {
      if (indent === '') parent = `${isClass ?? ''}${id}`;
      this.names.set(indent === '' ? parent : `${parent} ${id}`, name);
    }
  }

  /** `Intel Corporation 82574L Gigabit Network Connection`, with numbers for what has no name. */
  describe(vendorId: number, deviceId: number, classCode: number): string {
    const [vendor, device] = [vendorId, deviceId].map((id) => id.toString(16).padStart(4, '0'));
    const vendorName = this.names.get(vendor);
    const deviceName = this.names.get(`${vendor} ${device}`);
    if (vendorName !== undefined && deviceName !== undefined) return `${vendorName} ${deviceName}`;
    const code = classCode.toString(16).padStart(6, '0');
    const kind = this.names.get(`C ${code.slice(0, 2)} ${code.slice(2, 4)}`) ?? `class ${code.slice(0, 4)}`;
    return `${vendorName ?? 'vendor'} ${vendorName === undefined ? `${vendor}:` : ''}${device} (${kind})`;
  }
}
