import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { edu } from '../../src/index.ts';
import { Prompt } from './prompt.ts';
import { SoftwareNvme } from './software-nvme.ts';

/** The SMMUs: their formats, and what they record of streams that are refused or that they don't know. */
const SMMUS = [
  {
    machine: 'virt,iommu=smmuv2',
    formats: ['short', 'long', 'aarch64'],
    refused: 'stream refused, write to 0x9fffe500, stream 0x8, status 0x1',
    unknown: 'stream refused, write to 0x9fffe500, stream 0x8, status 0x2',
    faults: 39,
  },
  {
    machine: 'virt,iommu=smmuv3',
    formats: ['long', 'aarch64'],
    // IHI 0070 5.2: STE.Config 0b000 records nothing. An entry that isn't valid is C_BAD_STE.
    refused: 'no fault reported',
    unknown: 'stream refused, stream 0x8, status 0x4',
    faults: 24,
  },
] as const;
/** The function that `edu` is, and its stream. */
const EDU = '00:01.0';
const STREAM = '0x8';
const NVME = '00:02.0';
const NVME_STREAM = '0x10';
/** RAM that the firmware leaves alone. */
const PAGE_A = 0x4200_0000;
const PAGE_B = 0x4230_0000;
const PAGE_C = 0x4210_5000;
const IOVA = 0x8fff_f000;
const PAGE = 0x1000;

const DRIVE_PAGES = 64;
const drive = new Uint8Array(DRIVE_PAGES * PAGE);

let prompt: Prompt;

beforeEach(async () => {
  for (let page = 0; page < DRIVE_PAGES; page++) drive.set(pattern(page), page * PAGE);
  await prompt.command('smmu off');
});

const hex = (value: number): string => `0x${value.toString(16)}`;

/** A page of bytes that no other seed gives. */
const pattern = (seed: number): Uint8Array =>
  Uint8Array.from({ length: PAGE }, (_unused, i) => (i * 7 + (i >> 8) * 13 + seed * 31) & 0xff);

describe.each(SMMUS)('$machine', ({ machine, formats, refused, unknown, faults }) => {
  beforeAll(async () => {
    prompt = await Prompt.of({
      machine,
      memory: '64M',
      pci: [edu({ dmaMask: 0xffff_ffff }), new SoftwareNvme(drive)],
    });
  }, 120_000);

  afterAll(async () => {
    await prompt.stop();
  });

  test('the firmware’s own checks of the SMMU pass in every format, and each forbidden DMA is in a fault register', async () => {
    const printed = await prompt.command('smmu check');
    expect(printed).not.toMatch(/\[fail\]/);
    for (const format of formats) {
      const line = (name: string, rest: string): RegExp =>
        new RegExp(`^\\[ ok \\] ${EDU} SMMU ${format} ${name} +${rest}$`, 'm');
      for (const name of [
        'mapped',
        'remapped',
        'read from read-only page',
        'writable again',
        'block',
        'MSI',
      ]) {
        expect(printed).toMatch(line(name, 'byte for byte'));
      }
      for (const [name, fault] of [
        ['write to read-only page', 'permission fault, write to 0x9ffff100'],
        ['beyond the window', 'translation fault, write to 0xa0002000'],
        ['write after unmap', 'translation fault, write to 0xa0001300'],
        ['read after unmap', 'translation fault, read from 0xa0001400'],
        ['physical address', 'translation fault, write to 0x40\\w+'],
        ['write to read-only block', 'permission fault, write to 0xb0\\w+'],
        ['write to unmapped block', 'translation fault, write to 0xb0\\w+'],
      ] as const) {
        expect(printed).toMatch(line(name, `blocked; ${fault}, stream ${STREAM}, status 0x\\w+`));
      }
      expect(printed).toMatch(line('refused stream', `blocked; ${refused}`));
      expect(printed).toMatch(line('unknown stream', `blocked; ${unknown}`));
      const window = format === 'aarch64' ? 0x12_9000_0000 : 0x9000_0000;
      const nvme = (name: string, rest: string): RegExp =>
        new RegExp(`^\\[ ok \\] ${NVME} SMMU ${format} ${name} +${rest}$`, 'm');
      for (const name of ['queues', 'mapped', 'remapped']) {
        expect(printed).toMatch(nvme(name, 'byte for byte'));
      }
      for (const [name, fault, address] of [
        ['write to read-only page', 'permission', hex(window + PAGE)],
        ['beyond the window', 'translation', hex(window + 2 * PAGE)],
        ['write after unmap', 'translation', hex(window)],
        ['physical address', 'translation', '0x40\\w+'],
      ]) {
        const details = `${fault} fault, write to ${address}, stream ${NVME_STREAM}, status 0x\\w+`;
        expect(printed).toMatch(nvme(name, `blocked; ${details}`));
      }
    }
    expect(printed).toMatch(new RegExp(`\\[ ok \\] SMMU interrupts +${faults}, ${faults} faults`));
  }, 120_000);

  describe.each(formats)('with tables of format %s', (format) => {
    test('edu reaches its windows and nothing else, byte for byte', async () => {
      const { memory } = prompt.machine;
      const [a, b, c] = [pattern(1), pattern(2), pattern(3)];
      memory.write(PAGE_A, a);
      memory.write(PAGE_B, b);
      memory.write(PAGE_C, c);
      const ram = (): string =>
        [PAGE_A, PAGE_B, PAGE_C].map((page) => Buffer.from(memory.read(page, PAGE)).toString('hex')).join();
      const wanted = (): string => [a, b, c].map((page) => Buffer.from(page).toString('hex')).join();
      const fault = async (text: string): Promise<void> => {
        expect(ram()).toBe(wanted());
        expect(await prompt.command('smmu faults')).toContain(`${text}, stream ${STREAM}`);
      };
      await prompt.command(`smmu attach ${EDU} ${format}`);
      await prompt.command(`smmu map ${EDU} ${hex(IOVA)} 0x1000 ${hex(PAGE_A)} rw`);
      await prompt.command(`smmu map ${EDU} ${hex(IOVA + PAGE)} 0x1000 ${hex(PAGE_B)} rw`);

      await prompt.command(`edu fetch ${hex(IOVA + 0x7fc)} 4092`);
      await prompt.command(`edu store ${hex(IOVA + 4)} 2000`);
      a.set(pattern(1).subarray(0x7fc, 0x7fc + 2000), 4);
      expect(ram()).toBe(wanted());

      await prompt.command(`edu store ${hex(PAGE_C)} 64`);
      await fault(`translation fault, write to ${hex(PAGE_C)}`);
      await prompt.command(`smmu protect ${EDU} ${hex(IOVA)} 0x1000 ro`);
      await prompt.command(`edu store ${hex(IOVA + 12)} 64`);
      await fault(`permission fault, write to ${hex(IOVA + 12)}`);

      await prompt.command(`smmu unmap ${EDU} ${hex(IOVA)} 0x1000`);
      await prompt.command(`edu fetch ${hex(IOVA + 8)} 64`);
      await fault(`translation fault, read from ${hex(IOVA + 8)}`);
      await prompt.command(`smmu map ${EDU} ${hex(IOVA)} 0x1000 ${hex(PAGE_C)} rw`);
      await prompt.command(`edu fetch ${hex(IOVA + PAGE)} 256`);
      await prompt.command(`edu store ${hex(IOVA + 0x100)} 256`);
      c.set(b.subarray(0, 256), 0x100);
      expect(ram()).toBe(wanted());

      await prompt.command(`smmu stream ${EDU} refuse`);
      await prompt.command(`edu store ${hex(IOVA)} 64`);
      expect(ram()).toBe(wanted());
      await prompt.command('smmu off');
      await prompt.command(`edu store ${hex(PAGE_A)} 64`);
      a.set(b.subarray(0, 64));
      expect(ram()).toBe(wanted());
    }, 60_000);

    test('nvme has its queues and blocks at IOVAs, byte for byte', async () => {
      const { memory } = prompt.machine;
      const base = format === 'aarch64' ? 0x7f_8000_0000 : 0x8000_0000;
      const [a, b] = [pattern(101), pattern(102)];
      memory.write(PAGE_A, a);
      memory.write(PAGE_B, b);
      const check = (): void => {
        expect(Buffer.from(memory.read(PAGE_A, PAGE)).equals(a)).toBe(true);
        expect(Buffer.from(memory.read(PAGE_B, PAGE)).equals(b)).toBe(true);
      };
      await prompt.command(`smmu attach ${NVME} ${format}`);
      await prompt.command(`smmu nvme ${hex(base + 0x10_0000)}`);
      expect(await prompt.command('nvme identify')).toContain("model 'NVMe of a test' serial 'software-1'");
      await prompt.command(`smmu map ${NVME} ${hex(base)} 0x1000 ${hex(PAGE_A)} rw`);
      await prompt.command(`smmu map ${NVME} ${hex(base + PAGE)} 0x1000 ${hex(PAGE_B)} ro`);

      await prompt.command(`nvme store ${hex(base + 0x40)} 77`);
      a.set(drive.subarray(77 * 512, 78 * 512), 0x40);
      check();
      await prompt.command(`nvme fetch ${hex(base + PAGE - 0x80)} 300`);
      expect(Buffer.from(drive.subarray(300 * 512, 301 * 512))).toEqual(
        Buffer.concat([a.subarray(PAGE - 0x80), b.subarray(0, 512 - 0x80)]),
      );
      await expect(prompt.command(`nvme store ${hex(base + PAGE)} 5`)).rejects.toThrow('code 0x04');
      expect(await prompt.command('smmu faults')).toContain(`permission fault, write to ${hex(base + PAGE)}`);
      check();

      await prompt.command(`smmu unmap ${NVME} ${hex(base)} 0x1000`);
      const before = drive.slice();
      await expect(prompt.command(`nvme fetch ${hex(base)} 6`)).rejects.toThrow('code 0x04');
      expect(await prompt.command('smmu faults')).toContain(`translation fault, read from ${hex(base)}`);
      expect(Buffer.from(drive).equals(before)).toBe(true);
    }, 60_000);
  });
});
