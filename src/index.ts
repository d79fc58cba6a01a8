/**
 * armemu as a library. What needs Node is injected: `armemu/vfio` gives real PCI devices, `armemu/host` terminals
 * and files.
 */

export type { EngineStatistics, RegionCrossing, RegionExit, SlowAccesses } from './arm/engine-statistics.ts';
export { type GuestFunction, readSymbols, SymbolTable } from './boot/symbols.ts';
export {
  ArmemuError,
  EndpointError,
  ExpectTimeoutError,
  GuestMemoryError,
  ImageError,
  OptionError,
  PassthroughError,
  SnapshotError,
  TraceError,
} from './errors.ts';
export { createMachine } from './machine/create-machine.ts';
export { GuestCpu, GuestMemory } from './machine/guest-access.ts';
export { EngineDifference } from './machine/lockstep/lockstep.ts';
export { type DebuggerConnection, Machine, type SaveOptions } from './machine/machine.ts';
export type { MachineExit } from './machine/machine-exit.ts';
export type { MonitorHost } from './machine/monitor.ts';
export type { NicModel, NicOptions } from './machine/nic-options.ts';
export type { ClockMode, EngineMode, GuestImage, MachineOptions, SnapshotImage } from './machine/options.ts';
export type { Profile, ProfileSample } from './machine/profile/sampler.ts';
export { foldedStacks, speedscope } from './machine/profile/stacks.ts';
export type { SemihostingOptions } from './machine/semihosting-calls.ts';
export type { ExpectOptions, SerialPort } from './machine/serial.ts';
export { describeSnapshot, type MachineShape, type PciSlot } from './machine/shape.ts';
export type { DiskOptions, OnBus, ShareOptions, VirtioBus } from './machine/virtio-devices.ts';
export { Hub } from './net/hub.ts';
export { UserNetwork, type UserNetworkOptions } from './net/user-network.ts';
export { edu } from './pci/edu.ts';
export type {
  BarDescription,
  ConfigChange,
  EndpointPort,
  FunctionDescription,
  PciEndpoint,
} from './pci/endpoint.ts';
export type { Clock, ClockTimer, WallClock } from './ports/clock.ts';
export type { DiskBackend } from './ports/disk.ts';
export type { DmaPort } from './ports/dma.ts';
export type { FlashFile } from './ports/flash-file.ts';
export type { FileMode, HostFile, HostFolder } from './ports/host-folder.ts';
export type { AccessSize, DeviceLog, Requester } from './ports/mmio.ts';
export type {
  HostSockets,
  HostTcpEvents,
  HostTcpSocket,
  HostUdpSocket,
  NetworkBackend,
  NetworkPort,
} from './ports/network.ts';
export type { Drainable, PlainValue, Saveable } from './ports/saveable.ts';
export type { ShadowStatistics } from './ports/shadow-observer.ts';
export type {
  ShareBackend,
  ShareChange,
  ShareNode,
  ShareOpen,
  ShareStat,
} from './ports/share.ts';
export {
  type ConfigEvent,
  type DmaEvent,
  type FaultEvent,
  type Hex,
  type MappingEvent,
  type MessageEvent,
  type PinEvent,
  type RegisterEvent,
  TRACE_CATEGORIES,
  type TraceCategory,
  type TraceDevice,
  type TraceEvent,
  type TraceHeader,
  type TraceOptions,
  type TraceRecord,
} from './trace/events.ts';
