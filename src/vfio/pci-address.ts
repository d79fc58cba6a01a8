import { OptionError } from '../errors.ts';

const addressPattern = /^(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}):([01][0-9a-f])\.([0-7])$/i;

/**
 * Brings a PCI address of the host into sysfs's spelling: domain, bus, device (0 to 1f) and function (0 to 7) in
 * lower-case hexadecimal. The domain may be left out when it is 0000.
 * @throws OptionError for anything else
 */
export function parsePciAddress(text: string): string {
  const match = addressPattern.exec(text.trim());
  if (!match)
    throw new OptionError(
      `"${text}" is not the address of a PCI device.`,
      'Write it as DOMAIN:BUS:DEVICE.FUNCTION in hexadecimal, 0000:01:00.0 for instance (armemu vfio list or lspci -D), or as a path from its host bridge: PNP0A03:0-1c.1-00.0.',
    );
  const [, domain = '0000', bus, device, fn] = match;
  return `${domain}:${bus}:${device}.${fn}`.toLowerCase();
}
