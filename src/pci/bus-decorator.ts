import type { DmaPort } from '../ports/dma.ts';
import type { MmioDevice } from '../ports/mmio.ts';
import type { BarTarget } from './bar-target.ts';
import type { MessageKind } from './capability.ts';
import type { PciFunction } from './function.ts';

/** Sends an interrupt message of a function. */
export type SendMessage = (kind: MessageKind, vector: number, address: number, data: number) => void;

/** A function's interrupt pin changed its level. */
export type PinChanged = (fn: PciFunction, asserted: boolean) => void;

/**
 * Puts something between a bus and its parts while they are built: a trace, say. Each member gets what would have been
 * there and gives what is to be there; what is absent leaves its part as it is, so that it costs nothing.
 */
export interface BusDecorator {
  /** Configuration space of the whole bus, by ECAM. */
  ecam?(device: MmioDevice): MmioDevice;
  /** What answers in a BAR of a function: its endpoint, or its MSI-X table. */
  barTarget?(bdf: number, target: BarTarget): BarTarget;
  /** An endpoint's way to memory; interrupt messages do not take it. */
  dma?(bdf: number, port: DmaPort): DmaPort;
  messages?(bdf: number, send: SendMessage): SendMessage;
  pins?(changed: PinChanged): PinChanged;
}
