import type { TraceReader } from './read-trace.ts';

/** What is in a trace, in numbers. */
export interface TraceSummary {
  readonly events: number;
  /** From the first to the last event, in virtual nanoseconds. */
  readonly durationNs: number;
  readonly machines: readonly { readonly machine: string; readonly startNs: number }[];
  readonly devices: readonly {
    readonly address: string;
    readonly name: string;
    /** Events by category and operation, such as `mmio read`. */
    readonly counts: Readonly<Record<string, number>>;
  }[];
}

/** Those devices that something happened to. */
export function summaryOf(reader: TraceReader): TraceSummary {
  const { events, durationNs, counts } = reader;
  return {
    events,
    durationNs,
    machines: reader.machines.map(({ machine, startNs }) => ({ machine, startNs })),
    devices: reader.devices.flatMap(({ address, name }, device) => {
      const own = counts.get(device);
      return own === undefined ? [] : [{ address, name, counts: Object.fromEntries(own) }];
    }),
  };
}

/** The summary for people: a line for each device. */
export function summaryText({ events, durationNs, devices }: TraceSummary): string {
  const number = (n: number): string => n.toLocaleString('en-US');
  const lines = devices.map(({ address, name, counts }) => {
    const parts = Object.entries(counts).map(([what, count]) => `${number(count)} ${what}`);
    return `  ${address} ${name}: ${parts.join(', ')}\n`;
  });
  return `${number(events)} events in ${(durationNs / 1e9).toFixed(3)} s of virtual time\n${lines.join('')}`;
}
