import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TraceEvent, TraceHeader, TraceRecord } from '../../src/index.ts';
import { mappingsOf } from '../../src/trace-page/mappings.ts';
import { BehindHostIommu } from '../firmware/behind-host-iommu.ts';
import { Prompt } from '../firmware/prompt.ts';
import { SoftwareNvme } from '../firmware/software-nvme.ts';
import { pageOf } from './page-of.ts';

const DRIVE = '00:01.0';
const QUEUES = '0x80000000';
const WINDOW = '0x90000000';
const COMMANDS = 20;

const records: TraceRecord[] = [];
let prompt: Prompt;

// The firmware drives an NVMe drive whose DMA a host's IOMMU translates, by its own tables in the emulated SMMU.
beforeAll(async () => {
  const drive = new SoftwareNvme(new Uint8Array(64 * 4096));
  prompt = await Prompt.of({
    machine: 'virt,iommu=smmuv2',
    memory: '64M',
    pci: [new BehindHostIommu(drive)],
    trace: { sink: (record) => void records.push(record) },
  });
  for (const command of [
    `smmu attach ${DRIVE} aarch64`,
    `smmu nvme ${QUEUES}`,
    `smmu map ${DRIVE} ${WINDOW} 0x1000 0x42000000 rw`,
    ...Array.from({ length: COMMANDS }, (_unused, block) => `nvme store ${WINDOW} ${block}`),
    `smmu protect ${DRIVE} ${WINDOW} 0x1000 ro`,
    `nvme fetch ${WINDOW} 30`,
    `smmu unmap ${DRIVE} ${WINDOW} 0x1000`,
  ]) {
    await prompt.command(command);
  }
}, 120_000);

afterAll(() => prompt.stop());

const events = (): readonly TraceEvent[] => records.slice(1) as TraceEvent[];

test('the trace begins with the drive', () => {
  const { machine, devices } = records[0] as TraceHeader;
  expect(machine).toBe('virt,iommu=smmuv2');
  expect(devices.find(({ address }) => address === DRIVE)?.classCode).toBe('0x10802');
});

test('what the guest maps, protects and unmaps is there when the host has it', () => {
  const window = events().flatMap((event) =>
    event.category === 'iommu' && event.iova === WINDOW && event.op !== 'fault'
      ? [[event.op, event.device, event.size, event.physical, event.rights]]
      : [],
  );
  expect(window).toEqual([
    ['map', DRIVE, 4096, '0x42000000', 'rw'],
    ['unmap', DRIVE, 4096, '0x42000000', 'rw'],
    ['map', DRIVE, 4096, '0x42000000', 'r'],
    ['unmap', DRIVE, 4096, '0x42000000', 'r'],
  ]);
  const trace = pageOf(records.map((record) => JSON.stringify(record)));
  const shown = mappingsOf(trace).filter(({ iova }) => iova === Number(WINDOW));
  expect(shown.map(({ rights, ended }) => [rights, ended])).toEqual([
    ['rw', true],
    ['r', true],
  ]);
});

test('each command is a doorbell, a message and a doorbell', () => {
  const trace = pageOf(records.map((record) => JSON.stringify(record)));
  const from = events().findIndex((event) => event.category === 'iommu' && event.iova === WINDOW);
  const names = Array.from({ length: trace.length - from }, (_unused, i) => {
    const row = from + i;
    return trace.info.places[trace.place[row]].name;
  }).filter((name) => /^SQ1TDBL|^CQ1HDBL|^vector/.test(name));
  const command = ['SQ1TDBL', 'vector 1', 'CQ1HDBL'];
  expect(names).toEqual(Array.from({ length: COMMANDS + 1 }, () => command).flat());
});
