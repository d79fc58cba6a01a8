import type { TraceDevice } from '../trace/events.ts';
import { AddressMap } from './address-map.ts';
import { loadTrace } from './load-trace.ts';
import { type Mapping, mappingsOf } from './mappings.ts';
import { type Filter, filterRows } from './selection.ts';
import { Table } from './table.ts';
import type { TableContents } from './table-contents.ts';
import {
  EVENT_COLUMNS,
  EventRows,
  eventDetails,
  MAPPING_COLUMNS,
  mappingRows,
  TOTAL_COLUMNS,
  totalRows,
} from './tables.ts';
import { countText, sizeText, timeText } from './texts.ts';
import { element, onThemeChange } from './theme.ts';
import { Timeline } from './timeline.ts';
import type { Trace } from './trace.ts';

/** A person types on: what is filtered by is looked at when the keys rest. */
const TYPING_MS = 150;

type Tab = 'events' | 'totals' | 'mappings';

/** The page: charts, what they and the tables are filtered by, tables. */
class Page {
  private readonly trace: Trace;
  private readonly mappings: readonly Mapping[];
  private readonly timeline: Timeline;
  private readonly map: AddressMap;
  private readonly tables: Record<Tab, Table>;
  private readonly places: Record<Tab, HTMLElement>;
  private readonly tabs: Record<Tab, HTMLButtonElement>;
  private readonly counted = element('span', 'count');
  private readonly details = element('div', 'details');
  private readonly mapTitle = element('span', 'hint');
  private filter: Filter;
  private tab: Tab = 'events';
  private events: EventRows;
  private shownMappings: readonly Mapping[] = [];

  constructor(root: HTMLElement, trace: Trace) {
    this.trace = trace;
    this.mappings = mappingsOf(trace);
    const categories = presentCategories(trace);
    const [from, to] = [trace.startNs, trace.endNs];
    this.filter = { device: undefined, categories: new Set(categories), text: '', from, to };
    this.events = new EventRows(trace, new Uint32Array(0));
    const timelinePlace = element('div', 'chart');
    const mapPlace = element('div', 'chart');
    const place = (tab: Tab) => element('div', `table ${tab}`);
    this.places = { events: place('events'), totals: place('totals'), mappings: place('mappings') };
    const button = (tab: Tab, text: string): HTMLButtonElement => {
      const made = element('button', 'tab', text);
      made.addEventListener('click', () => this.open(tab));
      return made;
    };
    this.tabs = {
      events: button('events', 'Events'),
      totals: button('totals', 'Totals'),
      mappings: button('mappings', 'Mappings'),
    };
    const mapDevice = this.deviceChoice(mapDevices(trace), (device) => this.showMap(device ?? 0), undefined);
    mapDevice.classList.add('map-device');
    root.replaceChildren(
      header(trace),
      this.toolbar(categories),
      section(
        'Timeline',
        element('span', 'hint', 'drag or wheel: zoom · double click: all · click: event'),
        timelinePlace,
      ),
      section('Address space', element('span', '', mapDevice, this.mapTitle, mapLegend()), mapPlace),
      element(
        'div',
        'tables',
        element('div', 'tabs', ...Object.values(this.tabs), this.counted),
        ...Object.values(this.places),
        this.details,
      ),
    );
    this.timeline = new Timeline(timelinePlace, trace, {
      onZoom: (low, high) => this.zoom(low, high),
      onPick: (ns, device, category) => this.pick(ns, device, category),
    });
    this.map = new AddressMap(mapPlace, trace, this.mappings, {
      onZoom: (low, high) => this.zoom(low, high),
      onPick: (ns) => this.pick(ns, Number(mapDevice.value), 'dma'),
    });
    this.tables = {
      events: new Table(this.places.events, EVENT_COLUMNS, (index) => this.choose(this.events.rows[index])),
      totals: new Table(this.places.totals, TOTAL_COLUMNS, () => {}),
      mappings: new Table(this.places.mappings, MAPPING_COLUMNS, () => {}),
    };
    this.showMap(Number(mapDevice.value));
    this.open('events');
    onThemeChange(() => this.redraw());
    new ResizeObserver(() => this.tables[this.tab].resize()).observe(this.places.events);
  }

  private redraw(): void {
    this.timeline.chart.redraw();
    this.map.chart.redraw();
  }

  private open(tab: Tab): void {
    this.tab = tab;
    for (const name of ['events', 'totals', 'mappings'] as const) {
      this.tabs[name].setAttribute('aria-pressed', String(name === tab));
      this.places[name].hidden = name !== tab;
    }
    this.refresh();
    this.tables[tab].resize();
  }

  private change(change: Partial<Filter>): void {
    this.filter = { ...this.filter, ...change };
    this.refresh();
  }

  private zoom(from: number, to: number): void {
    this.timeline.chart.zoom(from, to);
    this.map.chart.zoom(from, to);
    this.change({ from, to });
  }

  /** Filters anew and shows what is left. */
  private refresh(): void {
    const { trace, filter, tab } = this;
    const rows = filterRows(trace, filter);
    const everywhere =
      filter.from <= trace.startNs && filter.to >= trace.endNs
        ? rows
        : filterRows(trace, { ...filter, from: trace.startNs, to: trace.endNs });
    this.timeline.show(everywhere.slice());
    this.events = new EventRows(trace, rows);
    let contents: TableContents = this.events;
    if (tab === 'totals') contents = totalRows(trace, rows);
    if (tab === 'mappings') {
      this.shownMappings = this.mappings.filter(
        (mapping) =>
          (filter.device === undefined || mapping.device === filter.device) &&
          mapping.from <= filter.to &&
          mapping.to >= filter.from,
      );
      contents = mappingRows(trace, this.shownMappings);
    }
    this.tables[tab].show(contents);
    const all = tab === 'mappings' ? this.mappings.length : trace.length;
    const what = tab === 'mappings' ? 'mappings' : 'events';
    const shown = tab === 'mappings' ? this.shownMappings.length : rows.length;
    const lines = tab === 'totals' ? ` in ${countText(contents.length)} lines` : '';
    this.counted.textContent = `${countText(shown)} of ${countText(all)} ${what}${lines}`;
  }

  private showMap(device: number): void {
    const { mappings, accesses } = this.map.show(device);
    this.mapTitle.textContent = `${countText(mappings)} mappings, ${countText(accesses)} accesses `;
  }

  private choose(row: number): void {
    const { trace } = this;
    this.details.replaceChildren(
      ...eventDetails(trace, row).map(([name, text]) =>
        element('span', 'detail', ...(name === '' ? [] : [element('i', '', `${name} `)]), text),
      ),
    );
    for (const { chart } of [this.timeline, this.map]) chart.mark(trace.time[row]);
  }

  /** Goes to the event of a lane that is nearest to a time. */
  private pick(ns: number, device: number, category: string): void {
    const { trace } = this;
    const fits = (row: number): boolean => trace.device[row] === device && trace.category(row) === category;
    let best = -1;
    for (const [index, row] of this.events.rows.entries()) {
      if (!fits(row)) continue;
      if (best < 0 || Math.abs(trace.time[row] - ns) < Math.abs(trace.time[this.events.rows[best]] - ns))
        best = index;
    }
    if (best < 0) return;
    const row = this.events.rows[best];
    if (this.tab !== 'events') this.open('events');
    this.tables.events.select(this.events.rows.indexOf(row));
  }

  private toolbar(categories: readonly string[]): HTMLElement {
    const chips = categories.map((category) => {
      const box = element('input', '');
      box.type = 'checkbox';
      box.checked = true;
      box.name = category;
      box.addEventListener('change', () => {
        const wanted = new Set(this.filter.categories);
        if (box.checked) wanted.add(category);
        else wanted.delete(category);
        this.change({ categories: wanted });
      });
      return element('label', `chip ${category}`, box, category);
    });
    const search = element('input', 'search');
    search.type = 'search';
    search.placeholder = 'register, operation, address or value contains …';
    let timer: ReturnType<typeof setTimeout> | undefined;
    search.addEventListener('input', () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.change({ text: search.value }), TYPING_MS);
    });
    const all = element('button', 'all', 'All time');
    all.addEventListener('click', () => {
      this.zoom(this.trace.startNs, this.trace.endNs);
      this.map.chart.resetY();
    });
    const device = this.deviceChoice(
      this.trace.presentDevices,
      (wanted) => this.change({ device: wanted }),
      'all devices',
    );
    return element('div', 'toolbar', device, ...chips, search, all);
  }

  private deviceChoice(
    devices: readonly number[],
    onChoice: (device: number | undefined) => void,
    every: string | undefined,
  ): HTMLSelectElement {
    const choice = element('select', 'device');
    if (every !== undefined) choice.append(new Option(every, ''));
    for (const device of devices) choice.append(new Option(this.trace.deviceText(device), String(device)));
    choice.addEventListener('change', () => onChoice(choice.value === '' ? undefined : Number(choice.value)));
    return choice;
  }
}

function presentCategories(trace: Trace): string[] {
  const kinds = new Set<number>(trace.kind);
  const all = ['mmio', 'config', 'irq', 'dma', 'iommu'];
  const present = new Set<string>();
  for (let row = 0; row < trace.length && kinds.size > 0; row++) {
    if (kinds.delete(trace.kind[row])) present.add(trace.category(row));
  }
  return all.filter((category) => present.has(category));
}

/** Devices with an address space to be shown, the busiest first. */
function mapDevices(trace: Trace): number[] {
  const counts = new Float64Array(trace.info.devices.length);
  for (let row = 0; row < trace.length; row++) {
    const category = trace.category(row);
    if (category === 'dma' || category === 'iommu') counts[trace.device[row]]++;
  }
  const busy = [...counts.keys()].filter((device) => counts[device] > 0);
  return busy.length === 0 ? [0] : busy.sort((a, b) => counts[b] - counts[a]);
}

function header(trace: Trace): HTMLElement {
  const { info } = trace;
  const duration = timeText(trace.endNs - trace.startNs, (trace.endNs - trace.startNs) / 1000);
  const machines = [...new Set(info.machines.map(({ machine }) => machine))].join(', ');
  const times = info.machines.length === 1 ? '' : `, ${info.machines.length} times`;
  const real = trace.presentDevices.map((device) => info.devices[device]);
  const facts = `${countText(info.events)} events in ${duration} of virtual time · machine ${machines}${times}`;
  return element(
    'header',
    '',
    element('h1', '', info.title),
    element('p', '', facts),
    element(
      'details',
      'devices',
      element('summary', '', `${real.length} devices`),
      element('ul', '', ...real.map(deviceLine)),
    ),
  );
}

function deviceLine({ address, name, vendorId, deviceId, classCode, bars }: TraceDevice): HTMLElement {
  const id = (text: string, digits: number) => text.slice(2).padStart(digits, '0');
  const places = bars.map(({ index, kind, size }) => `BAR${index} ${sizeText(size)} ${kind}`).join(', ');
  const ids = `${id(vendorId, 4)}:${id(deviceId, 4)}, class ${id(classCode, 6)}`;
  return element(
    'li',
    '',
    element('b', '', address),
    ` ${name} (${ids})${places === '' ? '' : `: ${places}`}`,
  );
}

function section(title: string, hint: HTMLElement, chart: HTMLElement): HTMLElement {
  return element('section', '', element('h2', '', title, ' ', hint), chart);
}

function mapLegend(): HTMLElement {
  const key = (name: string, text: string) => element('span', `key ${name}`, text);
  return element(
    'span',
    'legend',
    key('map-r', 'readable'),
    key('map-w', 'writable'),
    key('map-rw', 'both'),
    key('dma-read', 'read'),
    key('dma-write', 'write'),
    key('fault', 'refused'),
  );
}

const root = document.getElementById('page') as HTMLElement;
try {
  new Page(root, await loadTrace());
  document.documentElement.dataset.ready = 'yes';
} catch (error) {
  root.textContent = `This page can't be shown: ${error instanceof Error ? error.message : String(error)}. It needs a browser of 2023 or newer.`;
}
