import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PassthroughError } from '../errors.ts';

/** What a device had before it was bound to vfio-pci. */
export interface FormerDriver {
  /** null: none. */
  readonly driver: string | null;
  readonly driverOverride: string | null;
}

type Memory = Readonly<Record<string, FormerDriver>>;

function isFormerDriver(value: unknown): value is FormerDriver {
  if (typeof value !== 'object' || value === null || !('driver' in value) || !('driverOverride' in value))
    return false;
  // A driver's name becomes a part of a path.
  return [value.driver, value.driverOverride].every(
    (name) => name === null || (typeof name === 'string' && /^[\w.-]+$/.test(name)),
  );
}

/** Remembers drivers until the next boot, which forgets what is bound as well. */
export class DriverMemory {
  readonly path: string;

  /** @param run `/run`, or `$XDG_RUNTIME_DIR` */
  constructor(run: string) {
    this.path = join(run, 'armemu', 'vfio-drivers.json');
  }

  recall(address: string): FormerDriver | undefined {
    return this.read()[address];
  }

  /** @throws an error of Node's file system */
  remember(address: string, former: FormerDriver): void {
    this.save({ ...this.read(), [address]: former });
  }

  /** @throws an error of Node's file system */
  forget(address: string): void {
    const { [address]: former, ...others } = this.read();
    if (former === undefined) return;
    if (Object.keys(others).length === 0) rmSync(this.path, { force: true });
    else this.save(others);
  }

  private read(): Memory {
    let text: string;
    try {
      text = readFileSync(this.path, 'utf8');
    } catch {
      return {};
    }
    try {
      const memory: unknown = JSON.parse(text);
      if (typeof memory === 'object' && memory !== null && Object.values(memory).every(isFormerDriver))
        return { ...memory };
    } catch (cause) {
      throw this.spoilt(cause);
    }
    throw this.spoilt();
  }

  private spoilt(cause?: unknown): PassthroughError {
    return new PassthroughError(
      `${this.path}, where armemu remembers the drivers of devices, is not as armemu wrote it.`,
      `Remove it; the kernel then chooses the driver of a device that is unbound: rm ${this.path}`,
      { cause },
    );
  }

  private save(memory: Memory): void {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o755 });
    const next = `${this.path}.${process.pid}`;
    writeFileSync(next, `${JSON.stringify(memory, undefined, 2)}\n`, { mode: 0o644 });
    renameSync(next, this.path);
  }
}
