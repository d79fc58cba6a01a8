import { join } from 'node:path';
import type { HostRoots } from './host-facts.ts';
import { listing, readText } from './sysfs.ts';

/** A table of ACPI in which the firmware describes IOMMUs, or a device tree with one. */
export type IommuTable = 'DMAR' | 'IVRS' | 'IORT' | 'VIOT' | 'device tree';

/** What the firmware tells about IOMMUs. */
export interface FirmwareFacts {
  /** Tables that describe IOMMUs. */
  readonly tables: readonly IommuTable[];
  /** Where those were looked for. */
  readonly tablesSource: string;
}

/** What the host tells about its IOMMUs and about the isolation of interrupts. */
export interface IommuFacts extends FirmwareFacts {
  /** IOMMUs that the kernel runs: `dmar0`, `ivhd0`, `smmu3.0x0000000009050000`. */
  readonly running: readonly string[];
  readonly runningSource: string;
  /** Words of the kernel's command line. */
  readonly kernelParameters: readonly string[];
  /**
   * Whether a device's interrupts can only be what the host set up, by the names of interrupt controllers; undefined
   * where they tell nothing.
   */
  readonly interruptsIsolated: boolean | undefined;
  readonly interruptsSource: string;
  /** VFIO was told to do without that. */
  readonly unsafeInterruptsAllowed: boolean;
  readonly unsafeInterruptsSource: string;
}

const ACPI_TABLES: readonly IommuTable[] = ['DMAR', 'IVRS', 'IORT', 'VIOT'];
/** Buses nest: an SMMU of a device tree is below `soc` or `bus@...`, rarely deeper. */
const DEVICE_TREE_DEPTH = 4;

/** Whether a node here or below has the property that makes it an IOMMU (Devicetree binding `iommu.txt`). */
function hasIommuNode(directory: string, depth: number): boolean {
  const names = listing(directory);
  if (names.includes('#iommu-cells')) return true;
  return depth > 0 && names.some((name) => hasIommuNode(join(directory, name), depth - 1));
}

function isolatedByNames(interrupts: string): boolean | undefined {
  // Remapping puts "IR-" before the names of x86's controllers; an ITS of Arm looks each message up by device.
  if (/\bIR-|\bITS-/.test(interrupts)) return true;
  return /\bIO-APIC\b/.test(interrupts) ? false : undefined;
}

/** Reads what the firmware tells. */
export function readFirmwareFacts(roots: HostRoots): FirmwareFacts {
  const acpi = join(roots.sys, 'firmware/acpi/tables');
  const deviceTree = join(roots.sys, 'firmware/devicetree/base');
  const found = listing(acpi);
  const inTree = found.length === 0 && hasIommuNode(deviceTree, DEVICE_TREE_DEPTH);
  return inTree
    ? { tables: ['device tree'], tablesSource: deviceTree }
    : { tables: ACPI_TABLES.filter((name) => found.includes(name)), tablesSource: acpi };
}

/** Reads what the kernel tells. */
export function readIommuFacts(roots: HostRoots): Omit<IommuFacts, keyof FirmwareFacts> {
  const runningSource = join(roots.sys, 'class/iommu');
  const interruptsSource = join(roots.proc, 'interrupts');
  const unsafeInterruptsSource = join(
    roots.sys,
    'module/vfio_iommu_type1/parameters/allow_unsafe_interrupts',
  );
  return {
    running: listing(runningSource),
    runningSource,
    kernelParameters: readText(join(roots.proc, 'cmdline'))?.split(/\s+/).filter(Boolean) ?? [],
    interruptsIsolated: isolatedByNames(readText(interruptsSource) ?? ''),
    interruptsSource,
    unsafeInterruptsAllowed: readText(unsafeInterruptsSource) === 'Y',
    unsafeInterruptsSource,
  };
}
