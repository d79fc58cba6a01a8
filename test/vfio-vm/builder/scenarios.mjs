/**
 * One kind of host. Each is a boot of its own; `tests` are the files that run there unless others are named.
 * @typedef {object} Scenario
 * @property {string} about
 * @property {string} kernelArguments
 * @property {boolean} interruptRemapping
 * @property {string[]} tests names in test/vfio-vm/tests, in order
 * @property {boolean} [onlyInFull] takes too long for CI: `npm run test:all` boots it
 * @property {number} [timeoutSeconds] of its boot; 1800 unless given
 * @property {number} [driveMiB] size of the NVMe drive; 1 unless given
 * @property {boolean} [savedDebian] the tests restore Debian guests that were booted and saved outside the VM
 */

/** @type {Record<string, Scenario>} */
export const SCENARIOS = {
  default: {
    about: 'an IOMMU with interrupt remapping: what passthrough needs',
    kernelArguments: 'intel_iommu=on',
    interruptRemapping: true,
    tests: [
      'testbed.test.mjs',
      'edu.test.mjs',
      'nvme.test.mjs',
      'smmu.test.mjs',
      'smmu-limits.test.mjs',
      'peers.test.mjs',
      'trace.test.mjs',
      'boards.test.mjs',
      'network.test.mjs',
      'virtual-function.test.mjs',
      'misuse.test.mjs',
      'lifetime.test.mjs',
      'bad-input.test.mjs',
    ],
  },
  host: {
    about: 'the same, as a person with a card finds it: the commands of docs/passthrough.md',
    kernelArguments: 'intel_iommu=on',
    interruptRemapping: true,
    tests: ['passthrough-page.test.mjs', 'host-check.test.mjs', 'host-bind.test.mjs'],
  },
  debian: {
    about: 'the same, with a drive of 128 MiB for Debian guests that were booted outside',
    kernelArguments: 'intel_iommu=on',
    interruptRemapping: true,
    tests: ['debian.test.mjs'],
    driveMiB: 128,
    savedDebian: true,
    onlyInFull: true,
    timeoutSeconds: 3600,
  },
  'intremap-off': {
    about: 'an IOMMU without interrupt remapping',
    kernelArguments: 'intel_iommu=on',
    interruptRemapping: false,
    tests: ['intremap-off.test.mjs'],
  },
  'iommu-off': {
    about: 'an IOMMU that the kernel was told not to use',
    kernelArguments: 'intel_iommu=off',
    interruptRemapping: true,
    tests: ['iommu-off.test.mjs'],
  },
};
