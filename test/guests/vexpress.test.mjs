// The Versatile Express boards under Debian's kernel, with one and two CPUs, with the kernel's own device tree and with
// ours, against what the same kernel found on QEMU (scripts/record-vexpress.mjs).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PATIENCE } from './guests.mjs';
import { bootsFrom, Costs, startBoot, titleOf } from './vexpress-boots.mjs';
import { differences, factsOf, recordedFacts } from './vexpress-facts.mjs';

/** Why we differ from QEMU, line by line: a difference that none of these explains is a failure. */
const EXPLAINED = [
  ['there is PCI here', /\+ .*(pcie|pci-host|PCI ECAM|PCIe PME|pciehp)/i],
  ['the watchdog of the real boards is here, and not on QEMU', /\+ .*sp805/],
  [
    'a tree that fits the machine has performance monitors’ interrupts for its CPUs alone',
    /- GIC-0 \d+ Level arm-pmu/,
  ],
];

/** The same, for trees whose nodes have other places: only our own tree is compared so. */
const OWN_TREE = [
  ['our tree has no buses between the root and the devices', /- .*simple-pm-bus/],
  ['our tree has no I2C, where nothing is', /- .*versatile-i2c/],
  ['our tree leaves out what is on neither board', /- 1?[0-9a-f]+-[0-9a-f]+$/],
  [
    'our tree has a panel that Debian’s driver for the display controller knows, and no DVI transmitter',
    /\+ (.*clcd-pl11x (1c1f0000|10020000)|(1c1f0000-1c1f0fff|10020000-10020fff)$)/,
  ],
];

const costs = new Costs();

function unexplained(found, rules) {
  return found.filter((line) => !rules.some(([, pattern]) => pattern.test(line)));
}

/** A device by its address alone, a driver's device by its last name. */
const byAddress = (line) => {
  const [driver, device] = line.split(' ');
  return `${driver} ${/^([0-9a-f]{8})\./.exec(device)?.[1] ?? device.split(':').at(-1)}`;
};
const range = (line) => line.trim().split(' ')[0];

for (const boot of bootsFrom('initrd')) {
  const { board, cpus, tree } = boot;
  test(`${titleOf(boot)} is what it is on QEMU`, async (t) => {
    await costs.of(titleOf(boot), async (started) => {
      const { machine, shell, log, release } = await startBoot(t, boot);
      started(machine);
      await machine.serial.expect(/guest: ready/, { timeout: PATIENCE });
      const recorded = recordedFacts(board, cpus);
      assert.equal(release, recorded.release, 'recorded of another kernel: node scripts/record-vexpress.mjs');
      const facts = await factsOf((command) => shell.run(command));
      assert.deepEqual(differences(facts.cpuinfo, recorded.cpuinfo), []);
      assert.deepEqual(unexplained(differences(facts.interrupts, recorded.interrupts), EXPLAINED), []);
      if (tree === 'stock') {
        assert.deepEqual(unexplained(differences(facts.iomem, recorded.iomem), EXPLAINED), []);
        assert.deepEqual(unexplained(differences(facts.drivers, recorded.drivers), EXPLAINED), []);
      } else {
        const rules = [...EXPLAINED, ...OWN_TREE];
        const ranges = facts.iomem.filter((line) => !/PCI|pci/.test(line)).map(range);
        assert.deepEqual(unexplained(differences(ranges, recorded.iomem.map(range)), rules), []);
        const drivers = differences(facts.drivers.map(byAddress), recorded.drivers.map(byAddress));
        assert.deepEqual(unexplained(drivers, rules), []);
      }
      assert.doesNotMatch(await shell.run('dmesg'), /Oops|BUG:|WARNING:|Unhandled|undefined instruction/i);
      assert.deepEqual(log, [], 'no register is used that the devices do not have');
      machine.serial.write('poweroff -f\n');
      assert.deepEqual(await machine.exited, { reason: 'poweroff', code: 0 });
    });
  });
}
