import { expect, test } from 'vitest';
import { MessagePassage } from '../../src/iommu/message-passage.ts';
import { StreamPort, type StreamTarget } from '../../src/iommu/stream.ts';

const DOORBELL = 0x0802_0040;

function target(name: string, seen: string[]): StreamTarget {
  const note = (kind: string, address: number): boolean =>
    seen.push(`${name} ${kind} ${address.toString(16)}`) > 0;
  return { read: (address) => note('reads', address), write: (address) => note('writes', address) };
}

test('a word for the doorbell goes around the SMMU; everything else through it', () => {
  const seen: string[] = [];
  const passage = new MessagePassage(DOORBELL, target('memory', seen), target('smmu', seen));
  const port = new StreamPort(0x108, passage);
  port.write(DOORBELL, new Uint8Array(4));
  port.write(DOORBELL, new Uint8Array(2));
  port.write(DOORBELL, new Uint8Array(8));
  port.write(DOORBELL + 4, new Uint8Array(4));
  port.read(DOORBELL, new Uint8Array(4));
  expect(seen).toEqual([
    'memory writes 8020040',
    'smmu writes 8020040',
    'smmu writes 8020040',
    'smmu writes 8020044',
    'smmu reads 8020040',
  ]);
});
