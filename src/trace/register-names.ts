import { msiRegisters } from '../pci/capabilities/msi.ts';
import { MsixRegister } from '../pci/capabilities/msix.ts';
import { PciExpressRegister } from '../pci/capabilities/pci-express.ts';
import { PowerManagementRegister } from '../pci/capabilities/power-management.ts';
import { MSIX_ENTRY_SIZE, MsixEntry, pendingSize, tableSize } from '../pci/msix-table.ts';
import { CapabilityId, HEADER_SIZE, Header } from '../pci/registers.ts';
import type { TraceDevice } from './events.ts';
import { doorbellName, doorbellStride, NVME_CLASS, NVME_REGISTERS } from './nvme-registers.ts';

interface Register {
  readonly name: string;
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

/** No register of configuration space is larger. */
const WORD = 4;
const BARS = 6;

/** Names the registers of one device, as far as standards say what they are; the rest has none. */
export class RegisterNames {
  private readonly device: TraceDevice;
  private readonly config: readonly Register[];
  private readonly isNvme: boolean;
  private stride = doorbellStride(0);

  constructor(device: TraceDevice) {
    this.device = device;
    this.isNvme = Number(device.classCode) === NVME_CLASS;
    this.config = [...headerRegisters(), ...device.capabilities.flatMap(capabilityRegisters)];
  }

  /** What an access to configuration space touches. */
  inConfig(offset: number, size: number): string {
    return touched(this.config, offset, size);
  }

  /** What an access to a BAR touches. */
  inBar(bar: number, offset: number, size: number): string {
    const { msix } = this.device;
    if (msix?.tableBar === bar && offset >= msix.tableOffset && offset < msix.tableOffset + tableSize(msix)) {
      const at = offset - msix.tableOffset;
      const entry = `MSIX_TABLE[${Math.floor(at / MSIX_ENTRY_SIZE)}]`;
      return touched(asRegisters(MsixEntry, `${entry}.`, 0, MSIX_ENTRY_SIZE), at % MSIX_ENTRY_SIZE, size);
    }
    if (msix?.pbaBar === bar && offset >= msix.pbaOffset && offset < msix.pbaOffset + pendingSize(msix)) {
      return touched([{ name: 'MSIX_PBA', offset: msix.pbaOffset, size: pendingSize(msix) }], offset, size);
    }
    if (!this.isNvme || bar !== 0) return '';
    return doorbellName(offset, this.stride) ?? touched(NVME, offset, size);
  }

  /** Learns from what was read how the registers behind it lie. */
  wasRead(bar: number, offset: number, size: number, value: bigint): void {
    if (!this.isNvme || bar !== 0) return;
    if (offset === 0 && size === 8) this.stride = doorbellStride(Number(value >> 32n));
    else if (offset === 4 && size === 4) this.stride = doorbellStride(Number(value));
  }
}

const NVME: readonly Register[] = NVME_REGISTERS.map(([name, offset, size]) => ({ name, offset, size }));

function headerRegisters(): Register[] {
  const { BASE_ADDRESS_0, ...others } = Header;
  const bars = Array.from({ length: BARS }, (_unused, i) => [`BASE_ADDRESS_${i}`, BASE_ADDRESS_0 + WORD * i]);
  return asRegisters({ ...others, ...Object.fromEntries(bars) }, '', 0, HEADER_SIZE);
}

function capabilityRegisters({ id, offset, length }: TraceDevice['capabilities'][number]): Register[] {
  const [name, own] = knownCapability(id, length);
  const all = { CAPABILITY_ID: 0, NEXT_POINTER: 1, ...own };
  return asRegisters(all, `${name}.`, offset, length).filter(({ size }) => size > 0);
}

function knownCapability(id: number, length: number): readonly [string, Readonly<Record<string, number>>] {
  switch (id) {
    case CapabilityId.POWER_MANAGEMENT:
      return ['PM', PowerManagementRegister];
    case CapabilityId.MSI: {
      const forms = [false, true].flatMap((wide) => [false, true].map((mask) => msiRegisters(wide, mask)));
      return ['MSI', forms.find((form) => form.length === length)?.offsets ?? {}];
    }
    case CapabilityId.MSIX:
      return ['MSIX', MsixRegister];
    case CapabilityId.PCI_EXPRESS:
      return ['PCIE', PciExpressRegister];
    default:
      return [`CAP_${id.toString(16).padStart(2, '0').toUpperCase()}`, { DATA: 2 }];
  }
}

/** Each register ends where the next begins, and after a word at the latest; the last where all of them end. */
function asRegisters(
  offsets: Readonly<Record<string, number>>,
  prefix: string,
  base: number,
  end: number,
): Register[] {
  const sorted = Object.entries(offsets).sort(([, a], [, b]) => a - b);
  return sorted.map(([name, offset], i) => ({
    name: prefix + name,
    offset: base + offset,
    size: Math.min(WORD, Math.min(sorted[i + 1]?.[1] ?? end, end) - offset),
  }));
}

/** Names of all registers in a range; one that begins before it with the distance, such as `CAP+4`. */
function touched(registers: readonly Register[], offset: number, size: number): string {
  return registers
    .filter((register) => register.offset < offset + size && offset < register.offset + register.size)
    .map((register) =>
      offset > register.offset ? `${register.name}+${offset - register.offset}` : register.name,
    )
    .join(', ');
}
