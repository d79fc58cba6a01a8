import type { Capability, CapabilityHost, MessageSource } from '../capability.ts';
import type { ConfigRegisters } from '../config-registers.ts';
import type { FunctionDescription } from '../endpoint.ts';
import { MsixTable } from '../msix-table.ts';
import { CapabilityId } from '../registers.ts';

/** Offsets within the capability (PCI 3.0 6.8.2, figure 6-10). */
export const MsixRegister = { MESSAGE_CONTROL: 2, TABLE: 4, PENDING_BIT_ARRAY: 8 } as const;
const { MESSAGE_CONTROL, TABLE, PENDING_BIT_ARRAY } = MsixRegister;

/** Message control (6.8.2.3). */
const MSIX_ENABLE = 1 << 15;
const FUNCTION_MASK = 1 << 14;

/** MSI-X: the capability, which says where in a BAR the table and the pending bits are (PCI 3.0 6.8.2). */
export class Msix implements Capability, MessageSource {
  readonly id = CapabilityId.MSIX;
  readonly length = 12;
  readonly wantedOffset: number | undefined;
  readonly table: MsixTable;
  private readonly host: CapabilityHost;
  private readonly description: NonNullable<FunctionDescription['msix']>;
  private registers!: ConfigRegisters;
  private offset = 0;
  private isEnabled = false;
  private isFunctionMasked = false;

  /** @throws EndpointError for a table that MSI-X can't express. */
  constructor(
    host: CapabilityHost,
    name: string,
    description: FunctionDescription,
    msix: NonNullable<FunctionDescription['msix']>,
  ) {
    this.host = host;
    this.description = msix;
    this.wantedOffset = description.capabilityOffsets?.msix;
    this.table = new MsixTable(name, description.bars, msix, (vector, masked) => {
      host.changed({ kind: 'vector', vector, masked });
      this.deliverPending();
    });
  }

  get enabled(): boolean {
    return this.isEnabled;
  }

  place(registers: ConfigRegisters, offset: number): void {
    this.registers = registers;
    this.offset = offset;
    const { vectors, tableBar, tableOffset, pbaBar, pbaOffset } = this.description;
    registers.define(offset + MESSAGE_CONTROL, 2, vectors - 1, MSIX_ENABLE | FUNCTION_MASK);
    registers.define(offset + TABLE, 4, tableOffset | tableBar);
    registers.define(offset + PENDING_BIT_ARRAY, 4, pbaOffset | pbaBar);
  }

  written(): void {
    const { isEnabled, isFunctionMasked } = this;
    this.refresh();
    if (this.isEnabled === isEnabled && this.isFunctionMasked === isFunctionMasked) return;
    this.host.changed({ kind: 'msix', enabled: this.isEnabled, functionMasked: this.isFunctionMasked });
    this.deliverPending();
  }

  refresh(): void {
    const control = this.registers.read(this.offset + MESSAGE_CONTROL, 2);
    this.isEnabled = (control & MSIX_ENABLE) !== 0;
    this.isFunctionMasked = (control & FUNCTION_MASK) !== 0;
  }

  signal(vector: number): boolean {
    if (vector < 0 || vector >= this.description.vectors) return false;
    if (this.isFunctionMasked || this.table.isMasked(vector)) this.table.setPending(vector);
    else this.send(vector);
    return true;
  }

  deliverPending(): void {
    if (!this.isEnabled || this.isFunctionMasked || !this.host.mayMaster()) return;
    for (const vector of this.table.takeDeliverable()) this.send(vector);
  }

  private send(vector: number): void {
    this.host.sendMessage('msix', vector, this.table.address(vector), this.table.data(vector));
  }
}
