import { EVENT_KINDS } from '../trace/page-data.ts';
import { Chart } from './chart.ts';
import { colour } from './theme.ts';
import type { Trace } from './trace.ts';

const LANE_HEIGHT = 22;
/** Time axis and margins. */
const CHROME_HEIGHT = 36;
/** A single event in a column of pixels is seen as well as this many are. */
const FAINTEST = 0.35;

const LONGEST_NAME = 6;
const NO_LANE = -1;

interface Lane {
  readonly device: number;
  readonly category: string;
  readonly text: string;
}

/** A lane for each device and category: what is in it by time, the fuller a column of pixels the stronger. */
export class Timeline {
  readonly chart: Chart;
  private readonly trace: Trace;
  private readonly lanes: readonly Lane[];
  /** For each lane the times of its events. */
  private times: Float64Array[] = [];

  constructor(
    parent: HTMLElement,
    trace: Trace,
    events: {
      onZoom(from: number, to: number): void;
      /** A person points at a time of a device's category. */
      onPick(ns: number, device: number, category: string): void;
    },
  ) {
    this.trace = trace;
    this.lanes = lanesOf(trace);
    const { lanes } = this;
    const count = lanes.length;
    this.chart = new Chart(parent, {
      height: LANE_HEIGHT * count + CHROME_HEIGHT,
      from: trace.startNs,
      to: Math.max(trace.endNs, trace.startNs + 1),
      yRange: () => [0, count],
      ySplits: () => lanes.map((_, i) => i + 0.5),
      yText: (value) => lanes[count - 1 - Math.floor(value)]?.text ?? '',
      zoomY: false,
      draw: (chart) => this.draw(chart),
      onZoom: events.onZoom,
      onClick: (ns, y) => {
        const lane = lanes[count - 1 - Math.floor(y)];
        if (lane !== undefined) events.onPick(ns, lane.device, lane.category);
      },
    });
  }

  /** What is drawn: rows in the order of time. */
  show(rows: Uint32Array): void {
    const { trace, lanes } = this;
    const numbers = new Map(lanes.map(({ device, category }, i) => [`${device} ${category}`, i]));
    const laneOf = trace.info.devices.map((_, device) =>
      EVENT_KINDS.map(([category]) => numbers.get(`${device} ${category}`) ?? NO_LANE),
    );
    const counts = new Uint32Array(lanes.length);
    for (const row of rows) {
      const lane = laneOf[trace.device[row]][trace.kind[row]];
      if (lane !== NO_LANE) counts[lane]++;
    }
    const times = Array.from(counts, (length) => new Float64Array(length));
    counts.fill(0);
    for (const row of rows) {
      const lane = laneOf[trace.device[row]][trace.kind[row]];
      if (lane !== NO_LANE) times[lane][counts[lane]++] = trace.time[row];
    }
    this.times = times;
    this.chart.redraw();
  }

  private draw(chart: Chart): void {
    const { context, box, from, to } = chart;
    const { lanes, times } = this;
    const nsPerPixel = (to - from) / box.width;
    for (const [i, { category }] of lanes.entries()) {
      const y = lanes.length - 1 - i;
      const top = chart.y(y + 0.88);
      const height = chart.y(y + 0.12) - top;
      context.fillStyle = colour('lane');
      context.fillRect(box.left, top, box.width, height);
      const columns = countByColumn(times[i] ?? new Float64Array(0), from, nsPerPixel, box.width);
      const most = columns.reduce((a, b) => Math.max(a, b), 1);
      context.fillStyle = colour(category);
      for (let x = 0; x < columns.length; x++) {
        if (columns[x] === 0) continue;
        context.globalAlpha = FAINTEST + (1 - FAINTEST) * (Math.log1p(columns[x]) / Math.log1p(most));
        context.fillRect(box.left + x, top, 1.5, height);
      }
      context.globalAlpha = 1;
    }
  }
}

function lanesOf(trace: Trace): Lane[] {
  const present = new Set<number>();
  for (let row = 0; row < trace.length; row++) present.add(trace.device[row] * 16 + trace.kind[row]);
  const lanes: Lane[] = [];
  // A scan of the bus touches many places where nothing is; the tables have that.
  for (const device of trace.presentDevices) {
    const categories = new Set(
      EVENT_KINDS.flatMap(([category], kind) => (present.has(device * 16 + kind) ? [category] : [])),
    );
    const { address, name } = trace.info.devices[device];
    for (const category of categories) {
      // A long name is in the list of devices.
      const text = `${address} ${name.length <= LONGEST_NAME ? `${name} ` : ''}${category}`;
      lanes.push({ device, category, text });
    }
  }
  return lanes;
}

/** How many of some ascending times are in each column of pixels. */
function countByColumn(times: Float64Array, from: number, nsPerPixel: number, width: number): Uint32Array {
  const columns = new Uint32Array(Math.max(1, Math.ceil(width)));
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < from) low = middle + 1;
    else high = middle;
  }
  for (let i = low; i < times.length; i++) {
    const column = Math.floor((times[i] - from) / nsPerPixel);
    if (column > columns.length) break;
    columns[Math.min(column, columns.length - 1)]++;
  }
  return columns;
}
