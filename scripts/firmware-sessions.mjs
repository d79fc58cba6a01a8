// Scripted sessions with the firmware: what to plug in, what to type, what must come back.
// A step is [input, ...patterns]: the input is sent with a return, then each pattern must be found, in this order, in what
// comes before the next prompt. `armemu` holds arguments of `armemu run` where the session needs nothing but edu.

const eduDevice = ['-device', 'edu,dma_mask=0xffffffff'];
const noNic = ['-nic', 'none'];
const OK = /^=> ok$/m;

export const DISK_BYTES = 1 << 20;

const eduChecks = [
  /\[ ok \] \S+ edu identification +0x\w+ed/,
  /\[ ok \] \S+ edu liveness/,
  /\[ ok \] \S+ edu factorial +10! = 3628800/,
  /\[ ok \] \S+ DMA \(poll\) +64 bytes to the device and back, equal/,
  /\[ ok \] \S+ DMA \(MSI\) +4092 bytes to the device and back, equal/,
  /\[ ok \] \S+ DMA \(INTx\) +1021 bytes to the device and back, equal/,
];
const interruptChecks = [
  /\[ ok \] timer PPI +5 of 5 interrupts, virtual, INTID 27/,
  /\[ ok \] timer PPI \(physical\) +5 of 5 interrupts, INTID 30/,
  /\[ ok \] PL011 SPI +8 of 8 transmit interrupts, INTID 33/,
];
const endpointInterruptChecks = [
  /\[ ok \] \S+ endpoint MSI +5 of 5 interrupts/,
  /\[ ok \] \S+ endpoint INTx +4 of 4 interrupts, INTA/,
  /\[ ok \] \S+ endpoint INTx mask +0 while disabled .* 1 of 1 after enabling/,
  /\[ ok \] unexpected interrupts +0/,
];
const banner = [
  /board +linux,dummy-virt/,
  /memory +\d+ MiB at 0x40000000/,
  /cpu +Cortex-A15/,
  /timer +62500000 Hz/,
];

/** `disk` is the path of a raw image of DISK_BYTES bytes, byte i of block n being (n + i) & 0xff. */
export function sessions(disk) {
  const nvme = ['-device', 'nvme,drive=d,serial=armemu-1', '-drive', `file=${disk},if=none,id=d,format=raw`];
  return [
    {
      name: 'self-test from the command line, with edu',
      qemu: [...noNic, ...eduDevice, '-append', 'console=ttyAMA0 selftest'],
      armemu: ['--edu', '--semihosting', '--append', 'console=ttyAMA0 selftest'],
      start: [
        ...banner,
        /1234:11e8/,
        ...eduChecks,
        ...interruptChecks,
        ...endpointInterruptChecks,
        /^SELFTEST PASS$/m,
      ],
      exitCode: 0,
    },
    {
      name: 'self-test without an endpoint says what had no device',
      qemu: [...noNic, '-append', 'selftest'],
      armemu: ['--no-edu', '--append', 'selftest'],
      start: [
        /\[skip\] endpoint DMA +no edu device/,
        ...interruptChecks,
        /\[skip\] endpoint MSI +no edu device/,
        /\[skip\] endpoint INTx +no edu device/,
        /\[skip\] NVMe/,
        /\[skip\] network/,
        /^SELFTEST PASS$/m,
      ],
      exitCode: 0,
    },
    {
      name: 'a failing self-test ends with code 1 through semihosting',
      // A device that reaches 28 address bits only can not do DMA to RAM at 1 GiB.
      qemu: [...noNic, '-device', 'edu,dma_mask=0xfffffff', '-semihosting', '-append', 'selftest'],
      start: [/\[fail\] \S+ DMA \(poll\) +data differs/, /^SELFTEST FAIL \(\d+\)$/m],
      exitCode: 1,
    },
    {
      name: 'a failing self-test powers off where nobody answers semihosting',
      qemu: [...noNic, '-device', 'edu,dma_mask=0xfffffff', '-append', 'selftest'],
      start: [/^SELFTEST FAIL \(\d+\)$/m],
      exitCode: 0,
    },
    {
      name: 'the prompt, with edu',
      qemu: [...noNic, ...eduDevice, '-semihosting'],
      armemu: ['--edu', '--semihosting', '--append', ''],
      start: [...banner, ...eduChecks, ...interruptChecks, ...endpointInterruptChecks],
      steps: [
        ['help', /lspci/, /poweroff/, OK],
        ['lspci', /00:00\.0 +\w+:\w+ +class 0600/, /1234:11e8/, OK],
        ['lspci -v', /BAR 0 +memory 32 .* size 0x100000/, /cap 0x05 at 0x\w+ +MSI/, OK],
        ['dma', ...eduChecks, OK],
        ['irq', ...interruptChecks, ...endpointInterruptChecks, OK],
        ['timer', /ticks of 62500000 Hz/, /timer PPI/, OK],
        ['uart', /\[ ok \] PL011 SPI/, OK],
        ['md 0x40200000 4', /^40200000: (\w{8} ){3}\w{8}$/m, OK],
        ['mw 0x40800000 0x11223344', OK],
        ['md 0x40800000 4 .b', /^40800000: 44 33 22 11$/m, OK],
        ['md 0x40800000 1 .w', /^40800000: 3344$/m, OK],
        ['mw 0x40800001 0xaa .b', OK],
        ['md 0x40800000 1 .q', /^40800000: 000000001122aa44$/m, OK],
        ['md 0x40800001', /^=> fail: the address is not aligned/m],
        [
          'md 0',
          /data abort on read: DFSR 0x00000005/,
          /r0 +\w{8}/,
          /pc +\w{8}/,
          /^=> fail: data abort.*DFAR 0x00000000$/m,
        ],
        ['mw 0x40200000 0', /data abort on write: DFSR 0x0000080f/, /^=> fail: data abort/m],
        ['cfg 00:00.0 0 .w', /^00:00\.0 000: \w{4}$/m, OK],
        ['cfg 00:1f.7 0', /000: ffffffff/, OK],
        ['bar', /BAR 0 +memory 32/, OK],
        ['edu ident', /edu liveness/, OK],
        ['edu fact 12', /^12! modulo 2\^32 = 479001600$/m, OK],
        ['edu dma 17', /17 bytes to the device and back, equal/, OK],
        ['edu dma 4096', /^=> fail: 1 to 4092 bytes$/m],
        ['edu msi', /endpoint MSI/, OK],
        ['edu intx', /endpoint INTx/, OK],
        ['edu rules', /memory decode off +reads 0xffffffff/, /BAR move/, /bus master off +0 of 64 bytes/, OK],
        ['edu stray 0x40900000', /reports completion/, /that is RAM: \d\d of 64 bytes changed/, OK],
        ['edu latency 16', /MSI latency over 16: min \d+ us/, OK],
        ['nvme identify', /^=> fail: no NVMe controller/m],
        ['mac', /\[skip\] network/, OK],
        ['smp', /\[skip\] secondary CPUs/, OK],
        ['bench crc 2', /bench crc +a32 .*checksum (0x\w+)/, /bench crc +t32/, OK],
        ['wfi 30', /slept \d+ us, woken [1-9]/, OK],
        ['nonsense', /^=> fail: unknown command/m],
        ['selftest', /^SELFTEST PASS$/m, OK],
      ],
      end: 'poweroff 3',
      exitCode: 3,
    },
    {
      name: 'line editing, and Ctrl-C while a command runs',
      qemu: [...noNic, ...eduDevice],
      armemu: ['--edu', '--append', ''],
      steps: [
        ['edu facx\x7ft 5', /^5! modulo 2\^32 = 120$/m, OK],
        ['garbage\x15edu fact 4', /^4! modulo 2\^32 = 24$/m, OK],
        ['\x1b[Aedu \x1b[Cfact 3', /^3! modulo 2\^32 = 6$/m, OK],
        { type: 'poweroff\x03', patterns: [/poweroff\^C/] },
        { type: 'wfi 600000\r', patterns: [/wfi 600000\n/], wait: false },
        { type: '\x03', patterns: [/slept \d+ us/, /^=> fail: cancelled$/m] },
        // In one piece: Ctrl-C may come before the command has begun.
        { type: 'wfi 600000\r\x03', patterns: [/slept \d+ us/, /^=> fail: cancelled$/m] },
        { type: 'wfi 600000\redu \x03fact 6\r', patterns: [/slept \d+ us/, /^=> fail: cancelled$/m] },
        { type: '', patterns: [/^6! modulo 2\^32 = 720$/m, OK] },
      ],
      end: 'poweroff',
      exitCode: 0,
    },
    {
      name: 'restart',
      qemu: [...noNic],
      armemu: ['--no-edu', '--append', ''],
      steps: [['reboot', /restarting/, ...banner, ...interruptChecks]],
      end: 'poweroff',
      exitCode: 0,
    },
    {
      name: 'four CPUs',
      qemu: [...noNic, '-smp', '4'],
      armemu: ['--no-edu', '--smp', '4', '--append', ''],
      steps: [
        ['smp', /\[ ok \] CPU 1 +on, counted to 4000/, /\[ ok \] CPU 2/, /\[ ok \] CPU 3/, OK],
        ['smp', /\[ ok \] CPU 1/, /\[ ok \] CPU 2/, /\[ ok \] CPU 3/, OK],
      ],
      end: 'poweroff',
      exitCode: 0,
    },
    {
      name: 'NVMe, network devices and a second CPU',
      qemu: [...noNic, ...nvme, '-device', 'e1000e,mac=52:54:00:12:34:56', '-smp', '2', ...eduDevice].concat([
        '-device',
        'virtio-net-pci,disable-legacy=on,mac=52:54:00:ab:cd:ef',
      ]),
      steps: [
        ['mac', /e1000e +MAC 52:54:00:12:34:56 BAR0 0x/, /virtio-net +MAC 52:54:00:ab:cd:ef BAR1 0x/, OK],
        [
          'nvme identify',
          /model 'QEMU NVMe Ctrl' serial 'armemu-1'.* 2048 blocks of 512 bytes/,
          /MSI-X INTIDs/,
          OK,
        ],
        ['nvme read 3', /^ {2}03 04 05 06/m, /LBA 3 at 0x\w+, 512 bytes, crc32 0x\w+/, OK],
        ['nvme read 5 0x40900e00', /^ {2}05 06 07 08/m, /LBA 5 at 0x40900e00/, OK],
        ['mw 0x40900e00 0xfeedc0de', OK],
        ['nvme write 7 0x40900e00', /LBA 7 written/, OK],
        ['nvme read 7', /^ {2}de c0 ed fe 09 0a/m, OK],
        ['nvme read 4096', /^=> fail: the controller reports status type 0, code 0x80$/m],
        ['nvme stray 0x40a00000 9', /the controller reports success/, /that is RAM: crc32 0x\w+ before/, OK],
        ['md 0x40a00000 1', /^40a00000: 0c0b0a09$/m, OK],
        ['smp', /\[ ok \] CPU 1 +on, counted to 4000/, OK],
        ['smp', /\[ ok \] CPU 1 +on, counted to 4000/, OK],
        ['selftest', /NVMe MSI-X mask +0 while masked, pending bit 1, fired/, /^SELFTEST PASS$/m, OK],
      ],
      end: 'poweroff',
      exitCode: 0,
    },
    {
      // The other tests of the firmware's SMMU drivers are in armemu: this is somebody else's SMMUv3.
      name: 'edu and NVMe behind an SMMUv3',
      qemu: [...noNic, '-machine', 'iommu=smmuv3', ...eduDevice, ...nvme],
      steps: [
        [
          'smmu check',
          /\[ ok \] 00:01\.0 SMMU aarch64 mapped +byte for byte/,
          /\[ ok \] 00:01\.0 SMMU aarch64 write after unmap +blocked; translation fault, write to 0xa0001300/,
          /\[ ok \] 00:01\.0 SMMU aarch64 MSI +byte for byte/,
          /\[ ok \] 00:02\.0 SMMU aarch64 queues +byte for byte/,
          /\[ ok \] 00:02\.0 SMMU aarch64 write to read-only page +blocked; permission fault, write to 0x1290001000/,
          OK,
        ],
      ],
      end: 'poweroff',
      exitCode: 0,
    },
    {
      name: 'endpoints behind root ports',
      qemu: [
        ...noNic,
        ...['-device', 'pcie-root-port,id=rp1,chassis=1', '-device', 'pcie-root-port,id=rp2,chassis=2'],
        ...['-device', 'edu,bus=rp1,dma_mask=0xffffffff', '-device', 'e1000e,bus=rp2,mac=52:54:00:12:34:56'],
      ],
      start: [
        /01:00\.0 +1234:11e8/,
        /02:00\.0 +8086:10d3/,
        ...eduChecks,
        ...interruptChecks,
        ...endpointInterruptChecks,
      ],
      steps: [['mac', /MAC 52:54:00:12:34:56/, OK]],
      end: 'poweroff',
      exitCode: 0,
    },
    {
      name: 'the smallest and the largest memory',
      qemu: [...noNic, '-m', '16'],
      armemu: ['--no-edu', '-m', '16M', '--append', ''],
      start: [/memory +16 MiB/],
      steps: [
        ['md 0x40fffffc 1', OK],
        ['md 0x41000000 1', /^=> fail: data abort/m],
      ],
      end: 'poweroff',
      exitCode: 0,
    },
    {
      name: 'three gigabytes of memory',
      qemu: [...noNic, ...eduDevice, '-m', '3072'],
      armemu: ['--edu', '-m', '3G', '--append', ''],
      start: [/memory +3072 MiB/],
      steps: [
        ['md 0xfffffff0 4', OK],
        ['edu stray 0xffff0000', /that is RAM: \d\d of 64 bytes changed/, OK],
      ],
      end: 'poweroff',
      exitCode: 0,
    },
  ];
}
