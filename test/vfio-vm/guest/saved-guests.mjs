/**
 * @typedef {object} SavedGuest
 * @property {'armmp' | 'armmp-lpae'} flavour Debian's kernel
 * @property {string} machine
 * @property {string} append more for the kernel's command line
 */

/** @type {Record<string, SavedGuest>} Debian guests that are booted and saved outside the VM, by name */
export const SAVED_GUESTS = {
  'virt-smmuv2': { flavour: 'armmp-lpae', machine: 'virt,iommu=smmuv2', append: '' },
  'vexpress-a9-msi': { flavour: 'armmp', machine: 'vexpress-a9', append: '' },
  'vexpress-a9-intx': { flavour: 'armmp', machine: 'vexpress-a9', append: 'pci=nomsi' },
};
