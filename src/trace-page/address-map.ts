import { RowFlag } from '../trace/page-data.ts';
import { AddressScale } from './address-scale.ts';
import { Chart } from './chart.ts';
import type { Mapping } from './mappings.ts';
import { hexText } from './texts.ts';
import { colour } from './theme.ts';
import type { Trace } from './trace.ts';

const HEIGHT = 240;
const PAGE = 4096;
/** What is smaller than this many pixels is drawn once for each pixel, however often it comes. */
const SMALL = 3;

/** The address space of a device by time: what led to memory, from when to when; where it read and wrote; what was refused. */
export class AddressMap {
  readonly chart: Chart;
  private readonly trace: Trace;
  private readonly mappings: readonly Mapping[];
  private shown: readonly Mapping[] = [];
  private accesses: Uint32Array = new Uint32Array(0);
  private scale = new AddressScale([]);

  constructor(
    parent: HTMLElement,
    trace: Trace,
    mappings: readonly Mapping[],
    events: { onZoom(from: number, to: number): void; onPick(ns: number, address: number): void },
  ) {
    this.trace = trace;
    this.mappings = mappings;
    this.chart = new Chart(parent, {
      height: HEIGHT,
      from: trace.startNs,
      to: Math.max(trace.endNs, trace.startNs + 1),
      yRange: () => [0, this.scale.length],
      ySplits: (from, to) => this.scale.ticks(from, to, 10),
      yText: (value) => hexText(this.scale.toAddress(value)),
      zoomY: true,
      draw: (chart) => this.draw(chart),
      onZoom: events.onZoom,
      onClick: (ns, y) => events.onPick(ns, this.scale.toAddress(y)),
    });
  }

  /** Shows another device. @returns how many mappings and accesses of it there are */
  show(device: number): { mappings: number; accesses: number } {
    const { trace } = this;
    this.shown = this.mappings.filter((mapping) => mapping.device === device);
    const rows: number[] = [];
    for (let row = 0; row < trace.length; row++) {
      if (trace.device[row] !== device) continue;
      const category = trace.category(row);
      if (category === 'dma' || (category === 'iommu' && trace.has(row, RowFlag.FAILED))) rows.push(row);
    }
    this.accesses = Uint32Array.from(rows);
    const ranges = new Map<number, readonly [number, number]>();
    for (const { iova, size } of this.shown) ranges.set(iova, [iova, iova + size]);
    for (const row of rows) {
      const start = trace.address[row] - (trace.address[row] % PAGE);
      if (ranges.has(start)) continue;
      ranges.set(start, [start, Math.ceil((trace.address[row] + trace.size[row]) / PAGE) * PAGE]);
    }
    this.scale = new AddressScale([...ranges.values()]);
    this.chart.resetY();
    return { mappings: this.shown.length, accesses: rows.length };
  }

  private draw(chart: Chart): void {
    const { context, box } = chart;
    context.save();
    context.beginPath();
    context.rect(box.left, box.top, box.width, box.height);
    context.clip();
    this.drawMappings(chart);
    this.drawAccesses(chart);
    context.restore();
  }

  private drawMappings(chart: Chart): void {
    const { context, from, to } = chart;
    const colours = { r: colour('map-r'), w: colour('map-w'), rw: colour('map-rw') } as Record<
      string,
      string
    >;
    const seen = new Seen(chart);
    for (const mapping of this.shown) {
      if (mapping.to < from || mapping.from > to) continue;
      const x = chart.x(Math.max(mapping.from, from));
      const width = Math.max(chart.x(Math.min(mapping.to, to)) - x, 1);
      const top = chart.y(this.scale.toShown(mapping.iova + mapping.size));
      const height = Math.max(chart.y(this.scale.toShown(mapping.iova)) - top, 1);
      if (width < SMALL && height < SMALL && seen.at(x, top)) continue;
      context.fillStyle = colours[mapping.rights] ?? colours.rw;
      context.fillRect(x, top, width, height);
      if (width > 6 && height > 6) {
        context.strokeStyle = colour('map-edge');
        context.strokeRect(x + 0.5, top + 0.5, width - 1, height - 1);
      }
    }
  }

  private drawAccesses(chart: Chart): void {
    const { trace } = this;
    const { context, from, to } = chart;
    const [read, write, fault] = [colour('dma-read'), colour('dma-write'), colour('fault')];
    const seen = [new Seen(chart), new Seen(chart), new Seen(chart)];
    for (const row of this.accesses) {
      const time = trace.time[row];
      if (time < from) continue;
      if (time > to) break;
      const x = chart.x(time);
      const y = chart.y(this.scale.toShown(trace.address[row]));
      const failed = trace.has(row, RowFlag.FAILED);
      const which = failed ? 2 : trace.op(row) === 'read' ? 0 : 1;
      if (seen[which].at(x, y)) continue;
      context.fillStyle = [read, write, fault][which];
      const size = failed ? 6 : 3;
      context.fillRect(x - size / 2, y - size / 2, size, size);
    }
  }
}

/** The pixels that something small was drawn at. */
class Seen {
  private readonly left: number;
  private readonly top: number;
  private readonly width: number;
  private readonly pixels: Uint8Array;

  constructor({ box }: Chart) {
    this.left = box.left;
    this.top = box.top;
    this.width = Math.ceil(box.width) + 1;
    this.pixels = new Uint8Array(this.width * (Math.ceil(box.height) + 1));
  }

  /** @returns whether that pixel was asked for before */
  at(x: number, y: number): boolean {
    const pixel = Math.round(y - this.top) * this.width + Math.round(x - this.left);
    const before = this.pixels[pixel] === 1;
    this.pixels[pixel] = 1;
    return before;
  }
}
