import { type FwCfgConfig, FwCfgKey, fwCfgHalfword, fwCfgWord } from '../devices/fw-cfg.ts';
import type { NormalizedOptions } from './options.ts';

/** Bytes of an identity that nobody gave. */
const UUID_BYTES = 16;
/** Firmware that finds nothing to boot stays where it is. */
const NEVER = 0xffff_ffff;

/**
 * What firmware learns of its machine, as on QEMU's virt; where it runs from flash also the kernel, initial RAM disk and
 * command line, which it boots itself.
 */
export function firmwareConfiguration(options: NormalizedOptions): Pick<FwCfgConfig, 'items' | 'files'> {
  const items = new Map<number, Uint8Array>([
    [FwCfgKey.UUID, new Uint8Array(UUID_BYTES)],
    [FwCfgKey.NOGRAPHIC, fwCfgHalfword(1)],
    [FwCfgKey.BOOT_MENU, fwCfgHalfword(0)],
    [FwCfgKey.NB_CPUS, fwCfgHalfword(options.cpus)],
  ]);
  if (options.flash[0] !== undefined && options.kernel !== undefined) {
    items.set(FwCfgKey.KERNEL_SIZE, fwCfgWord(options.kernel.bytes.length));
    items.set(FwCfgKey.KERNEL_DATA, options.kernel.bytes);
    if (options.initrd !== undefined) {
      items.set(FwCfgKey.INITRD_SIZE, fwCfgWord(options.initrd.bytes.length));
      items.set(FwCfgKey.INITRD_DATA, options.initrd.bytes);
    }
    const commandLine = new TextEncoder().encode(`${options.append ?? ''}\0`);
    items.set(FwCfgKey.CMDLINE_SIZE, fwCfgWord(commandLine.length));
    items.set(FwCfgKey.CMDLINE_DATA, commandLine);
  }
  return { items, files: [{ name: 'etc/boot-fail-wait', bytes: fwCfgWord(NEVER) }] };
}
