import uPlot from 'uplot';
import { timeText } from './texts.ts';
import { colour } from './theme.ts';

/** Both charts have their time axes above each other. */
const LABELS_WIDTH = 160;
const TIMES_HEIGHT = 28;
const WHEEL_STEP = 1.25;

/** What a chart needs beside its drawing. */
export interface ChartSettings {
  readonly height: number;
  /** Nanoseconds: all there is. */
  readonly from: number;
  readonly to: number;
  /** How the other axis is divided. */
  readonly yRange: () => readonly [number, number];
  readonly ySplits: (from: number, to: number) => number[];
  readonly yText: (value: number) => string;
  /** Whether a person can zoom into it, too. */
  readonly zoomY: boolean;
  readonly draw: (chart: Chart) => void;
  /** The shown time changed by a person. */
  readonly onZoom: (from: number, to: number) => void;
  readonly onClick: (ns: number, y: number) => void;
}

/** A canvas with time along it, which is drawn by hand: uPlot gives axes, cursor, selecting and zooming. */
export class Chart {
  private readonly plot: uPlot;
  private readonly settings: ChartSettings;
  private quiet = false;
  private marked: number | undefined;

  constructor(parent: HTMLElement, settings: ChartSettings) {
    this.settings = settings;
    const { from, to, zoomY } = settings;
    const axis = {
      stroke: () => colour('muted'),
      grid: { stroke: () => colour('grid'), width: 1 },
      ticks: { show: false },
    };
    this.plot = new uPlot(
      {
        width: Math.max(parent.clientWidth, 300),
        height: settings.height,
        legend: { show: false },
        padding: [6, 12, 0, 0],
        scales: {
          x: { time: false, range: (_plot, low, high) => (high > low ? [low, high] : [low - 1, low + 1]) },
          y: {
            range: (_plot, low, high) =>
              zoomY && low !== null && high > low ? [low, high] : [...settings.yRange()],
          },
        },
        axes: [
          {
            ...axis,
            space: 110,
            size: TIMES_HEIGHT,
            values: (_plot, splits) => {
              const step = splits.length > 1 ? splits[1] - splits[0] : 1;
              return splits.map((split) => timeText(split, step));
            },
          },
          {
            ...axis,
            size: LABELS_WIDTH,
            splits: (_plot, _axis, low, high) => settings.ySplits(low, high),
            values: (_plot, splits) => splits.map(settings.yText),
          },
        ],
        series: [{}, { show: true, paths: () => null, points: { show: false } }],
        cursor: {
          drag: { x: true, y: zoomY, uni: 30, dist: 4 },
          points: { show: false },
          // What is dragged in one chart is no zoom of the other: the page tells both.
          sync: {
            key: 'trace',
            scales: ['x', null],
            setSeries: false,
            filters: { pub: isMove, sub: isMove },
          },
        },
        hooks: {
          draw: [
            () => {
              settings.draw(this);
              this.drawMark();
            },
          ],
          setScale: [
            (plot, key) => {
              if (key === 'x' && !this.quiet)
                settings.onZoom(plot.scales.x.min as number, plot.scales.x.max as number);
            },
          ],
        },
      },
      [[from, to], [...settings.yRange()]],
      parent,
    );
    const { over } = this.plot;
    over.addEventListener('wheel', (event) => this.wheel(event), { passive: false });
    let pressed: [number, number] | undefined;
    over.addEventListener('mousedown', (event) => {
      pressed = [event.clientX, event.clientY];
    });
    over.addEventListener('mouseup', (event) => {
      if (pressed === undefined || Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) > 3)
        return;
      settings.onClick(this.plot.posToVal(event.offsetX, 'x'), this.plot.posToVal(event.offsetY, 'y'));
    });
    new ResizeObserver(() => {
      if (parent.clientWidth > 0) this.plot.setSize({ width: parent.clientWidth, height: settings.height });
    }).observe(parent);
  }

  /** Shown time. */
  get from(): number {
    return this.plot.scales.x.min ?? this.settings.from;
  }

  get to(): number {
    return this.plot.scales.x.max ?? this.settings.to;
  }

  get context(): CanvasRenderingContext2D {
    return this.plot.ctx;
  }

  /** Where there is to be drawn, in pixels of the canvas. */
  get box(): { left: number; top: number; width: number; height: number } {
    return this.plot.bbox;
  }

  /** Where a time is, in pixels of the canvas. */
  x(ns: number): number {
    return this.plot.valToPos(ns, 'x', true);
  }

  y(value: number): number {
    return this.plot.valToPos(value, 'y', true);
  }

  /** Shows another time; nobody is told. */
  zoom(from: number, to: number): void {
    this.quiet = true;
    this.plot.setScale('x', { min: from, max: to });
    queueMicrotask(() => {
      this.quiet = false;
    });
  }

  /** The other axis as `yRange` says it now. */
  resetY(): void {
    const [min, max] = this.settings.yRange();
    this.plot.setScale('y', { min, max });
  }

  /** Draws a line at a time, or none. */
  mark(ns: number | undefined): void {
    this.marked = ns;
    this.redraw();
  }

  redraw(): void {
    this.plot.redraw(false, true);
  }

  private drawMark(): void {
    const { marked, context, box } = this;
    if (marked === undefined || marked < this.from || marked > this.to) return;
    context.fillStyle = colour('text');
    context.fillRect(Math.round(this.x(marked)), box.top, Math.max(1, devicePixelRatio), box.height);
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    const { from, to } = this;
    const all = this.settings;
    const at = this.plot.posToVal(event.offsetX, 'x');
    const scale = event.deltaY > 0 ? WHEEL_STEP : 1 / WHEEL_STEP;
    const low = Math.max(all.from, at - (at - from) * scale);
    const high = Math.min(all.to, at + (to - at) * scale);
    if (high - low >= 10) all.onZoom(low, high);
  }
}

function isMove(type: string): boolean {
  return type === 'mousemove' || type === 'mouseleave';
}
