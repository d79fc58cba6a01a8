import type { HostMappings } from '../../ports/host-mappings.ts';
import type { ShadowObserver, ShadowStatistics } from '../../ports/shadow-observer.ts';
import type { StreamContext } from '../stream-context.ts';
import { Domain } from './domain.ts';
import { type AttachedDevice, HostContext, type ShadowedDevice } from './host-context.ts';
import { type ShadowMemory, tableReader } from './shadow-memory.ts';
import type { ShadowedIommu } from './shadowed-iommu.ts';
import { hasTables, StagesLook } from './stages-look.ts';
import { TablePages } from './table-pages.ts';

/**
 * Looking at tables may find more that has to be looked at, because a real device writes them; what is left after so many times
 * is looked at the next time.
 */
const MOST_ROUNDS = 16;

/** Leaves and holes that are looked at in one go: all pages of 4 GiB are less. */
const MOST_LOOKS = 2 ** 20 + 2 ** 18;

const BYPASS = 'bypass';

/** What a shadow tells to whom. */
export interface ShadowOptions {
  readonly observer?: ShadowObserver | undefined;
  /** How many leaves and holes of tables are looked at in one go, at most; absent: more than 4 GiB have. */
  readonly mostLooks?: number;
  /** Told once of each device that is stopped, or can't reach another one, for a person. */
  warn(message: string): void;
}

/** A device's place behind the SMMU. */
export interface ShadowAttachment {
  /** Before the guest lets the device master the bus, and after it has ended that. */
  setBusMaster(on: boolean): void;
  /** The device is gone. */
  detach(): void;
}

/**
 * Makes the host's IOMMU give real devices what the guest's SMMU gives their streams: never more, and no less where the
 * architecture makes a mapping visible.
 *
 * Stores to tables are noted when they happen, and looked at when a device could come to know of them, or software rely on them:
 * before a barrier is complete, an SMMU's register is accessed, or a device; and at the end of each slice of guest time. In
 * between, a store of half a descriptor has no effect.
 */
export class Shadow {
  private readonly iommu: ShadowedIommu;
  private readonly memory: ShadowMemory;
  private readonly options: ShadowOptions;
  private readonly tables: TablePages;
  private readonly contexts = new Map<HostMappings, HostContext>();
  private readonly domains = new Map<string, Domain>();
  private readonly counters = { maps: 0, unmaps: 0, gaps: 0, refused: 0 };
  private readonly told = new Set<HostContext>();
  private readonly toldOfBar = new Set<HostContext>();
  private isBusy = false;

  constructor(iommu: ShadowedIommu, memory: ShadowMemory, options: ShadowOptions) {
    this.iommu = iommu;
    this.memory = memory;
    this.options = options;
    this.tables = new TablePages(memory);
    iommu.listen({
      beforeAccess: () => this.synchronizeAll(),
      changed: () => this.follow(),
    });
  }

  get statistics(): ShadowStatistics {
    const { maps, unmaps, refused } = this.counters;
    let { gaps } = this.counters;
    for (const domain of this.domains.values()) gaps += domain.gaps;
    return { maps, unmaps, gaps, dirtyDescriptors: this.tables.descriptors, refused };
  }

  /**
   * Follows the stream of a device from now on; nothing is mapped for it before. In a machine that is restored its registers and
   * RAM must be in place.
   */
  attach(device: ShadowedDevice): ShadowAttachment {
    const { memory, tables, counters, options } = this;
    const { ramBase } = memory;
    const parts = { ramBase, tables, observer: options.observer, counters };
    const context = this.contexts.get(device.mappings) ?? new HostContext(device.mappings, parts);
    this.contexts.set(device.mappings, context);
    const attached: AttachedDevice = { device, busMaster: false };
    context.devices.add(attached);
    if (context.refusal !== undefined) device.stop();
    this.follow();
    return {
      setBusMaster: (on) => {
        attached.busMaster = on;
        this.follow();
      },
      detach: () => {
        context.devices.delete(attached);
        if (context.devices.size === 0) {
          context.enter(undefined);
          this.contexts.delete(device.mappings);
        }
        this.follow();
      },
    };
  }

  /** Before a barrier is complete: what CPUs have stored to tables has its effect. */
  synchronize(): void {
    if (this.tables.isDirty) this.resolve();
  }

  /** The same, and what real devices have written to tables, which nobody notices when it happens, has its effect too. */
  synchronizeAll(): void {
    if (this.contexts.size === 0) return;
    this.tables.compareExposed();
    if (this.tables.isDirty) this.resolve();
  }

  /**
   * The window of BARs has others than before. What is not in it is taken from the devices before this returns: to be called
   * before a real device stops to answer, and after it has begun to.
   */
  barsChanged(): void {
    for (const domain of this.domains.values()) domain.barsChanged();
    this.resolve();
  }

  private resolve(): void {
    if (this.isBusy) return;
    this.isBusy = true;
    for (let round = 0; round < MOST_ROUNDS; round++) {
      this.tables.takeDirty();
      const touched = [...this.domains.values()].filter((domain) => domain.isTouched);
      if (touched.length === 0) break;
      // What is gone is gone from all of them before anything new is there.
      for (const domain of touched) domain.refresh();
      for (const domain of touched) this.refuseOverflow(domain);
      for (const domain of touched) domain.commit();
    }
    this.isBusy = false;
    this.memory.dirtyWord.set(this.tables.isDirty);
    this.report();
  }

  /** Gives each context of the host the domain that the SMMU's registers now have for its devices. */
  private follow(): void {
    if (this.contexts.size === 0) return;
    const wanted = new Map<HostContext, string | undefined>();
    const views = new Map<string, StreamContext>();
    for (const context of this.contexts.values()) {
      const view = this.viewOf(context);
      const key = keyOf(view);
      wanted.set(context, key);
      if (key !== undefined) views.set(key, view);
      if (context.domain?.key !== key) context.enter(undefined);
    }
    this.dropUnused();
    for (const [context, key] of wanted) {
      const view = key === undefined ? undefined : views.get(key);
      if (key === undefined || view === undefined || context.refusal !== undefined) continue;
      const domain = this.domains.get(key) ?? this.makeDomain(key, view, wanted);
      if (domain.overflow === undefined) context.enter(domain);
      else this.refuse(context, domain.overflow);
    }
    this.dropUnused();
    this.synchronize();
    this.report();
  }

  private makeDomain(
    key: string,
    view: StreamContext,
    wanted: ReadonlyMap<HostContext, string | undefined>,
  ): Domain {
    const limits = [...wanted].filter(([, other]) => other === key).map(([{ mappings }]) => mappings.limit);
    const look =
      view.kind === 'stages' && hasTables(view) ? new StagesLook(view, tableReader(this.memory)) : undefined;
    const domainLimits = { leaves: Math.max(...limits), looks: this.options.mostLooks ?? MOST_LOOKS };
    const domain = new Domain(key, this.memory, this.tables, domainLimits, look);
    this.domains.set(key, domain);
    return domain;
  }

  /** What all devices of a context see. */
  private viewOf(context: HostContext): StreamContext {
    if (context.refusal !== undefined) return FAULT;
    const all = [...context.devices];
    const views = all.map(({ device }) => this.iommu.contextOf(device.streamId));
    if (areSame(views)) return views[0] ?? FAULT;
    // What can't access memory need not be kept apart.
    const masters = all.filter(({ busMaster }) => busMaster);
    const seen = views.filter((_view, i) => all[i].busMaster);
    if (areSame(seen)) return seen[0] ?? FAULT;
    const names = masters.map(({ device }) => device.name).join(' and ');
    this.refuse(
      context,
      `the guest gives ${names} different translations, and they are in one IOMMU group of the host, whose IOMMU can't tell them apart; put one of them into another slot, or leave it out`,
    );
    return FAULT;
  }

  private refuseOverflow(domain: Domain): void {
    const { overflow } = domain;
    if (overflow === undefined) return;
    for (const context of this.contexts.values())
      if (context.domain === domain) this.refuse(context, overflow);
    this.dropUnused();
  }

  private refuse(context: HostContext, reason: string): void {
    context.refuse(reason);
  }

  /** Tells of contexts that were refused something since the last time. */
  private report(): void {
    for (const context of this.contexts.values()) {
      const { refusal, barRefusal, devices } = context;
      const names = (): string => [...devices].map(({ device }) => device.name).join(' and ');
      if (barRefusal !== undefined && !this.toldOfBar.has(context)) {
        this.toldOfBar.add(context);
        this.options.warn(`${names()} ${barRefusal}`);
      }
      if (refusal === undefined || this.told.has(context)) continue;
      this.told.add(context);
      this.counters.refused += devices.size;
      this.options.warn(`the DMA of ${names()} is stopped: ${refusal}`);
    }
  }

  private dropUnused(): void {
    for (const [key, domain] of this.domains) {
      if (domain.takers.size > 0) continue;
      this.counters.gaps += domain.gaps;
      domain.close();
      this.domains.delete(key);
    }
  }
}

const FAULT: StreamContext = { kind: 'fault' };

/** Equal for streams that see the same; undefined for those that see nothing. */
function keyOf(view: StreamContext): string | undefined {
  if (view.kind === 'fault') return undefined;
  return view.kind === 'stages' && hasTables(view) ? JSON.stringify(view) : BYPASS;
}

function areSame(views: readonly StreamContext[]): boolean {
  return new Set(views.map(keyOf)).size < 2;
}
