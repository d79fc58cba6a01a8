/**
 * The PCI devices of the host VM and where Linux finds them. Each root port is one bus, numbered in slot order from 1,
 * and makes one IOMMU group; only `sharedA` and `sharedB`, two functions of one slot, must share theirs.
 */
export const ADDRESS = {
  edu: '0000:01:00.0',
  nvme: '0000:02:00.0',
  e1000e: '0000:03:00.0',
  virtioNet: '0000:04:00.0',
  sharedA: '0000:05:00.0',
  sharedB: '0000:05:00.1',
  edu2: '0000:06:00.0',
  /** An NVMe controller with SR-IOV, and its virtual function once that is switched on. */
  physicalFunction: '0000:07:00.0',
  virtualFunction: '0000:07:00.1',
  /** A device with a BAR of 2 GiB. */
  hugeBar: '0000:08:00.0',
};

/** The addresses that QEMU gives to the network cards; the tests must find these in the devices. */
export const MAC = { e1000e: '52:54:00:a1:e1:01', virtioNet: '52:54:00:b2:f4:02' };

const PORTS = 8;
const FIRST_PORT_SLOT = 0x10;

/**
 * QEMU's arguments for the devices. `edu` gets a 32-bit DMA mask because its own default of 28 bits reaches no RAM of
 * an Arm board.
 * @param {{ nvmeDrive: string, cable: string | undefined }} files `cable`: the UNIX socket at the other end of the e1000e's;
 * without one nobody is there
 * @returns {string[]}
 */
export function deviceArguments({ nvmeDrive, cable }) {
  const args = [];
  for (let port = 1; port <= PORTS; port++) {
    const slot = (FIRST_PORT_SLOT + port).toString(16);
    args.push('-device', `pcie-root-port,id=port${port},bus=pcie.0,addr=0x${slot},chassis=${port}`);
  }
  const net = 'virtio-net-pci,iommu_platform=on,disable-legacy=on,romfile=';
  args.push(
    ...['-device', 'edu,bus=port1,dma_mask=0xffffffff'],
    ...['-drive', `if=none,id=nvm,format=raw,file=${nvmeDrive}`],
    ...['-device', 'nvme,bus=port2,serial=armemu-nvme,drive=nvm'],
    ...['-netdev', cable ? `stream,id=net0,addr.type=unix,addr.path=${cable}` : 'user,id=net0,restrict=on'],
    ...[1, 2].flatMap((card) => ['-netdev', `user,id=net${card},restrict=on`]),
    ...['-device', `e1000e,bus=port3,netdev=net0,mac=${MAC.e1000e},romfile=`],
    ...['-device', `${net},bus=port4,netdev=net1,mac=${MAC.virtioNet}`],
    ...['-device', 'edu,bus=port5,addr=0.0,multifunction=on,dma_mask=0xffffffff'],
    ...['-device', `${net},bus=port5,addr=0.1,netdev=net2`],
    ...['-device', 'edu,bus=port6,dma_mask=0xffffffff'],
    ...['-device', 'nvme-subsys,id=subsys'],
    ...[
      '-device',
      'nvme,bus=port7,serial=armemu-sriov,subsys=subsys,max_ioqpairs=4,msix_qsize=4,' +
        'sriov_max_vfs=1,sriov_vq_flexible=2,sriov_vi_flexible=1',
    ],
    ...['-device', 'pci-testdev,bus=port8,membar=2G'],
  );
  return args;
}

/**
 * Memory of the host that its kernel was told to leave alone (`memmap=`): the aim of DMA that must not arrive. Tests see
 * it through /dev/mem. It lies below the guest's RAM, so no guest address is there.
 */
export const FORBIDDEN = { address: 0x1000_0000, size: 0x10_0000 };
