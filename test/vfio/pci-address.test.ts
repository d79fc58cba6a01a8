import { describe, expect, it } from 'vitest';
import { OptionError } from '../../src/errors.ts';
import { parsePciAddress } from '../../src/vfio/pci-address.ts';

describe('the address of a PCI device on the host', () => {
  it.each([
    ['0000:01:00.0', '0000:01:00.0'],
    ['01:00.0', '0000:01:00.0'],
    ['0000:AF:1F.7', '0000:af:1f.7'],
    ['10000:e1:00.0', '10000:e1:00.0'],
    [' 01:00.0\n', '0000:01:00.0'],
  ])('%j is %s', (text, address) => {
    expect(parsePciAddress(text)).toBe(address);
  });

  it.each([
    '',
    '1:0.0',
    '01:00',
    '01:00.8',
    '01:20.0',
    '001:00.0',
    '0000:01:00.0.0',
    'eth0',
    '../0000:01:00.0',
    '0000:01:00.0 0000:02:00.0',
  ])('%j is none, and the message shows how to write one', (text) => {
    expect(() => parsePciAddress(text)).toThrow(OptionError);
    try {
      parsePciAddress(text);
    } catch (error) {
      expect((error as OptionError).message).toContain(`"${text}"`);
      expect((error as OptionError).remedy).toContain('0000:01:00.0');
    }
  });
});
