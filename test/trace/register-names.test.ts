import { describe, expect, test } from 'vitest';
import type { TraceDevice } from '../../src/trace/events.ts';
import { RegisterNames } from '../../src/trace/register-names.ts';

const DEVICE: TraceDevice = {
  address: '00:01.0',
  name: 'a drive',
  vendorId: '0x1b36',
  deviceId: '0x10',
  classCode: '0x10802',
  bars: [{ index: 0, kind: 'memory64', size: 16384 }],
  capabilities: [
    { id: 1, offset: 0x40, length: 8 },
    { id: 5, offset: 0x48, length: 24 },
    { id: 17, offset: 0x60, length: 12 },
    { id: 16, offset: 0x70, length: 60 },
    { id: 9, offset: 0xb0, length: 16 },
  ],
  msix: { vectors: 4, tableBar: 0, tableOffset: 0x3000, pbaBar: 0, pbaOffset: 0x3800 },
};

describe('configuration space', () => {
  const names = new RegisterNames(DEVICE);

  test.each([
    [0x00, 4, 'VENDOR_ID, DEVICE_ID'],
    [0x04, 2, 'COMMAND'],
    [0x06, 2, 'STATUS'],
    [0x08, 4, 'REVISION_ID, CLASS_CODE'],
    [0x0b, 1, 'CLASS_CODE+2'],
    [0x10, 4, 'BASE_ADDRESS_0'],
    [0x24, 4, 'BASE_ADDRESS_5'],
    [0x34, 1, 'CAPABILITIES_POINTER'],
    [0x38, 4, ''],
    [0x3c, 1, 'INTERRUPT_LINE'],
    [0x3f, 1, 'MAX_LAT'],
    [0x40, 1, 'PM.CAPABILITY_ID'],
    [0x44, 2, 'PM.PMCSR'],
    [0x49, 1, 'MSI.NEXT_POINTER'],
    [0x4a, 2, 'MSI.MESSAGE_CONTROL'],
    [0x50, 4, 'MSI.MESSAGE_UPPER_ADDRESS'],
    [0x54, 2, 'MSI.MESSAGE_DATA'],
    [0x58, 4, 'MSI.MASK_BITS'],
    [0x5c, 4, 'MSI.PENDING_BITS'],
    [0x62, 2, 'MSIX.MESSAGE_CONTROL'],
    [0x68, 4, 'MSIX.PENDING_BIT_ARRAY'],
    [0x78, 2, 'PCIE.DEVICE_CONTROL'],
    [0x98, 2, 'PCIE.DEVICE_CONTROL_2'],
    [0xb2, 2, 'CAP_09.DATA'],
    [0x100, 4, ''],
  ])('at 0x%s, %i bytes: %s', (offset, size, name) => {
    expect(names.inConfig(offset, size)).toBe(name);
  });

  // PCI 3.0 figure 6-9: without 64 bits the data follows the address at once.
  test.each([
    [10, 0x48, 'MSI.MESSAGE_DATA'],
    [14, 0x48, 'MSI.MESSAGE_UPPER_ADDRESS'],
    [20, 0x4c, 'MSI.MASK_BITS'],
  ])('a MSI capability of %i bytes has at 0x%s: %s', (length, offset, name) => {
    const other = new RegisterNames({ ...DEVICE, capabilities: [{ id: 5, offset: 0x40, length }] });
    expect(other.inConfig(offset, 2)).toBe(name);
  });
});

describe('an NVMe controller', () => {
  test.each([
    [0x00, 8, 'CAP'],
    [0x04, 4, 'CAP+4'],
    [0x08, 4, 'VS'],
    [0x0c, 4, 'INTMS'],
    [0x14, 4, 'CC'],
    [0x1c, 4, 'CSTS'],
    [0x24, 4, 'AQA'],
    [0x28, 8, 'ASQ'],
    [0x34, 4, 'ACQ+4'],
    [0x1000, 4, 'SQ0TDBL'],
    [0x100c, 4, 'CQ1HDBL'],
    [0x3000 + 24, 4, 'MSIX_TABLE[1].MESSAGE_DATA'],
    [0x3800, 4, 'MSIX_PBA'],
    [0x200, 4, ''],
  ])('has at 0x%s, %i bytes: %s', (offset, size, name) => {
    expect(new RegisterNames(DEVICE).inBar(0, offset, size)).toBe(name);
  });

  test.each([
    ['in one access', 0, 8, 2n << 32n],
    ['in its upper word', 4, 4, 2n],
  ])('has its doorbells as far from each other as CAP.DSTRD says, %s', (_how, offset, size, value) => {
    const names = new RegisterNames(DEVICE);
    names.wasRead(0, offset, size, value);
    expect(names.inBar(0, 0x1000 + 3 * 16, 4)).toBe('CQ1HDBL');
    expect(names.inBar(0, 0x1004, 4)).toBe('');
  });
});

test('the registers of other devices have no names, but for their MSI-X table', () => {
  const names = new RegisterNames({ ...DEVICE, classCode: '0x20000' });
  expect(names.inBar(0, 0x14, 4)).toBe('');
  expect(names.inBar(0, 0x3000, 8)).toBe(
    'MSIX_TABLE[0].MESSAGE_ADDRESS, MSIX_TABLE[0].MESSAGE_UPPER_ADDRESS',
  );
});
