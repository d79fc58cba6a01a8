// Real devices behind the guest's SMMU: what its tables give reaches the device's DMA, and nothing else does.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Firmware, SCRATCH } from '../guest/firmware.mjs';
import { bindToVfio, expectKernelLog, kernelLog } from '../guest/host.mjs';
import { BLOCK_SIZE, blockPattern } from '../guest/pattern.mjs';
import { ADDRESS } from '../guest/topology.mjs';

const PAGE = 4096;
/** QEMU's edu aborts QEMU on more. */
const DMA_MAX = 4092;
/** The kernel reports few faults in 5 seconds and drops the others; a transfer of edu is one for every word. */
const KERNEL_RATE_LIMIT_MS = 5500;
/** Pages of guest RAM that are no neighbours, in no order. */
const [PAGE_A, PAGE_B, PAGE_C] = [SCRATCH + 0x5000, SCRATCH + 0x20_0000, SCRATCH + 0x3000];
/** In the guest there is one function: 00:01.0. */
const FUNCTION = '00:01.0';

const hex = (address) => `0x${address.toString(16)}`;

/** A guest with one real device behind its SMMU, and what its pages must hold. */
class Proof {
  constructor(firmware, device) {
    this.firmware = firmware;
    this.device = device;
    this.expected = new Map();
  }

  static async boot(t, device) {
    bindToVfio(device);
    const firmware = await Firmware.boot([device], { machine: 'virt,iommu=smmuv2' });
    t.after(() => firmware.stop());
    assert.doesNotMatch(firmware.banner, /\[fail\]/);
    return new Proof(firmware, device);
  }

  run(command) {
    return this.firmware.command(command);
  }

  /** New random contents for the pages. */
  fill() {
    for (const page of [PAGE_A, PAGE_B, PAGE_C]) {
      const bytes = randomBytes(PAGE);
      this.firmware.write(page, bytes);
      this.expected.set(page, bytes);
    }
  }

  map(iova, page, rights = 'rw', size = PAGE) {
    return this.run(`smmu map ${FUNCTION} ${hex(iova)} ${hex(size)} ${hex(page)} ${rights}`);
  }

  assertPages(when) {
    for (const [page, bytes] of this.expected) {
      assert.ok(
        Buffer.from(this.firmware.read(page, PAGE)).equals(Buffer.from(bytes)),
        `${when}: the page ${hex(page)} is not what it should be`,
      );
    }
  }

  /** DMA that must be stopped: the host's log has it, and no page changes. */
  async forbidden(what, command, direction, iova) {
    await sleep(KERNEL_RATE_LIMIT_MS);
    const log = kernelLog();
    await this.firmware.verdict(command);
    const device = this.device.slice(5).replace('.', '\\.');
    const page = hex(iova - (iova % PAGE));
    await expectKernelLog(
      log,
      new RegExp(`DMA ${direction} NO_PASID\\] Request device \\[${device}\\] fault addr ${page} `),
    );
    this.assertPages(what);
  }
}

/** Each takes half a minute here: CI has one of them for each device. */
const inCi = process.env.ARMEMU_CI !== '';

for (const format of inCi ? ['long'] : ['short', 'long', 'aarch64']) {
  test(`edu, tables of format ${format}: windows are mapped, used, remapped, write-protected and unmapped`, async (t) => {
    const IOVA = 0x9fff_f000;
    const proof = await Proof.boot(t, ADDRESS.edu);
    proof.fill();
    const [a, b, c] = [PAGE_A, PAGE_B, PAGE_C].map((page) => proof.expected.get(page));
    await proof.run(`smmu attach ${FUNCTION} ${format}`);
    await proof.map(IOVA, PAGE_A);
    await proof.map(IOVA + PAGE, PAGE_B);

    const fetched = Buffer.concat([a, b]).subarray(0x804, 0x804 + DMA_MAX);
    await proof.run(`edu fetch ${hex(IOVA + 0x804)} ${DMA_MAX}`);
    await proof.run(`edu store ${hex(IOVA + 0x10)} ${DMA_MAX}`);
    a.set(fetched.subarray(0, PAGE - 0x10), 0x10);
    b.set(fetched.subarray(PAGE - 0x10), 0);
    proof.assertPages('through two pages');

    await proof.forbidden('the physical address', `edu store ${hex(PAGE_C + 64)} 64`, 'Write', PAGE_C + 64);
    const beyond = `edu store ${hex(IOVA + 2 * PAGE)} 64`;
    await proof.forbidden('the page behind the window', beyond, 'Write', IOVA + 2 * PAGE);

    await proof.run(`smmu protect ${FUNCTION} ${hex(IOVA)} 0x1000 ro`);
    // QEMU's VT-d reports no fault of an address that it has just translated for a read.
    await proof.forbidden('a read-only page', `edu store ${hex(IOVA + 0x100)} 64`, 'Write', IOVA);
    await proof.run(`edu fetch ${hex(IOVA)} 256`);
    await proof.run(`edu store ${hex(IOVA + PAGE + 0x200)} 256`);
    b.set(a.subarray(0, 256), 0x200);
    proof.assertPages('a read-only page is read');
    await proof.run(`smmu protect ${FUNCTION} ${hex(IOVA)} 0x1000 rw`);
    await proof.run(`edu store ${hex(IOVA + 0x400)} 64`);
    a.set(a.subarray(0, 64), 0x400);
    proof.assertPages('writable again');

    await proof.run(`smmu unmap ${FUNCTION} ${hex(IOVA)} 0x1000`);
    await proof.forbidden('a write after the unmap', `edu store ${hex(IOVA)} 64`, 'Write', IOVA);
    await proof.forbidden('a read after the unmap', `edu fetch ${hex(IOVA + 0x800)} 64`, 'Read', IOVA);
    await proof.run(`edu store ${hex(IOVA + PAGE)} 64`);
    const arrived = Buffer.from(proof.firmware.read(PAGE_B, 64));
    assert.notDeepEqual(arrived, a.subarray(0x800, 0x840), 'the device has read a page that was unmapped');
    b.set(arrived);

    await proof.map(IOVA, PAGE_C);
    await proof.run(`edu fetch ${hex(IOVA + PAGE + 0x300)} 512`);
    await proof.run(`edu store ${hex(IOVA + 0x40)} 512`);
    c.set(b.subarray(0x300, 0x500), 0x40);
    proof.assertPages('remapped');

    await proof.run(`smmu stream ${FUNCTION} refuse`);
    await proof.forbidden('a stream of type fault', `edu store ${hex(IOVA)} 64`, 'Write', IOVA);
    await proof.run(`smmu stream ${FUNCTION} translate`);
    await proof.run(`edu store ${hex(IOVA + 0x600)} 64`);
    c.set(b.subarray(0x300, 0x340), 0x600);
    proof.assertPages('translated again');

    await proof.run('smmu off');
    await proof.run(`edu store ${hex(PAGE_A + 0x600)} 64`);
    a.set(b.subarray(0x300, 0x340), 0x600);
    proof.assertPages('bypass');
  });
}

test("the firmware's own checks pass with the real edu, whose faults only the host sees", async (t) => {
  const proof = await Proof.boot(t, ADDRESS.edu);
  const printed = await proof.run('smmu check');
  assert.doesNotMatch(printed, /\[fail\]/);
  for (const format of ['short', 'long', 'aarch64']) {
    assert.match(printed, new RegExp(`SMMU ${format} write after unmap +blocked; no fault reported`));
    assert.match(printed, new RegExp(`SMMU ${format} MSI +byte for byte`));
  }
});

for (const [format, IOVA] of [
  ['aarch64', 0x12_9000_0000],
  ['long', 0x9000_0000],
].slice(0, inCi ? 1 : 2)) {
  test(`nvme, tables of format ${format}: identified and used through queues at ${hex(IOVA)}`, async (t) => {
    const WRITTEN = 1300;
    const proof = await Proof.boot(t, ADDRESS.nvme);
    proof.fill();
    const [a, b, c] = [PAGE_A, PAGE_B, PAGE_C].map((page) => proof.expected.get(page));
    await proof.run(`smmu attach ${FUNCTION} ${format}`);
    await proof.run(`smmu nvme ${hex(IOVA + 0x100_0000)}`);
    assert.match(await proof.run('nvme identify'), /model 'QEMU NVMe Ctrl' serial 'armemu-nvme'/);
    await proof.map(IOVA, PAGE_A);
    await proof.map(IOVA + PAGE, PAGE_B);

    await proof.run(`nvme store ${hex(IOVA + 0x40)} 777`);
    a.set(blockPattern(777), 0x40);
    await proof.run(`nvme store ${hex(IOVA + PAGE - 0x100)} 42`);
    a.set(blockPattern(42).subarray(0, 0x100), PAGE - 0x100);
    b.set(blockPattern(42).subarray(0x100), 0);
    proof.assertPages('blocks read, one through two pages');

    await proof.run(`nvme fetch ${hex(IOVA + PAGE + 0x800)} ${WRITTEN}`);
    const written = b.slice(0x800, 0x800 + BLOCK_SIZE);
    await proof.run(`nvme store ${hex(IOVA + 0x400)} ${WRITTEN}`);
    a.set(written, 0x400);
    proof.assertPages('a block written and read back');

    await proof.forbidden('the physical address', `nvme store ${hex(PAGE_C)} 5`, 'Write', PAGE_C);
    const beyond = IOVA + 2 * PAGE;
    await proof.forbidden('behind the window', `nvme store ${hex(beyond)} 5`, 'Write', beyond);
    await proof.run(`smmu protect ${FUNCTION} ${hex(IOVA)} 0x1000 ro`);
    await proof.forbidden('a read-only page', `nvme store ${hex(IOVA + 0x200)} 5`, 'Write', IOVA);
    await proof.run(`nvme fetch ${hex(IOVA + 0x40)} ${WRITTEN + 1}`);
    await proof.run(`nvme store ${hex(IOVA + PAGE)} ${WRITTEN + 1}`);
    b.set(blockPattern(777), 0);
    proof.assertPages('a block written from a read-only page');

    await proof.run(`smmu unmap ${FUNCTION} ${hex(IOVA)} 0x1000`);
    await proof.forbidden('after the unmap', `nvme store ${hex(IOVA)} 5`, 'Write', IOVA);
    await proof.forbidden('a write to the drive', `nvme fetch ${hex(IOVA)} ${WRITTEN + 2}`, 'Read', IOVA);
    await proof.run(`nvme store ${hex(IOVA + PAGE)} ${WRITTEN + 2}`);
    const arrived = Buffer.from(proof.firmware.read(PAGE_B, BLOCK_SIZE));
    assert.notDeepEqual(arrived, a.subarray(0, BLOCK_SIZE), 'the drive has read a page that was unmapped');
    b.set(arrived);

    await proof.map(IOVA, PAGE_C);
    await proof.run(`nvme store ${hex(IOVA + 0x600)} 31`);
    c.set(blockPattern(31), 0x600);
    proof.assertPages('remapped');
  });
}
