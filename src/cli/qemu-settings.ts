/** One part of a QEMU option's value: `readonly=on`, or a word alone. */
export interface Setting {
  readonly name: string;
  /** Undefined for a word alone. */
  readonly value: string | undefined;
}

/** The parts of `virt,gic-version=3`; a comma in a value is written twice. */
function parseSettings(text: string): Setting[] {
  return text
    .replaceAll(',,', '\0')
    .split(',')
    .filter((part) => part !== '')
    .map((part) => part.replaceAll('\0', ','))
    .map((part) => {
      const equals = part.indexOf('=');
      return equals < 0
        ? { name: part, value: undefined }
        : { name: part.slice(0, equals), value: part.slice(equals + 1) };
    });
}

/** The settings as one text again. */
export function settingsText(settings: readonly Setting[]): string {
  return settings
    .map(({ name, value }) => (value === undefined ? name : `${name}=${value}`).replaceAll(',', ',,'))
    .join(',');
}

/** The settings of a text that names one thing, as those of a device: what is taken out of it is known here. */
export class Settings {
  /** What is named first: `user`, `virtio-blk-device`; empty where the text begins with a setting. */
  readonly head: string;
  private readonly rest: Setting[];

  /** @param headName the setting that the first word stands for, such as QEMU's `driver` */
  constructor(text: string, headName?: string) {
    const [first, ...others] = parseSettings(text);
    const hasHead = headName !== undefined && first !== undefined && first.value === undefined;
    this.rest = hasHead || first === undefined ? others : [first, ...others];
    this.head = hasHead ? first.name : ((headName && this.take(headName)) ?? '');
  }

  /** The last value of a setting; `on` for the word alone. */
  take(name: string): string | undefined {
    return this.takeAll(name).at(-1);
  }

  /** All values of a setting that may be there several times. */
  takeAll(name: string): string[] {
    const found = this.rest.filter((setting) => setting.name === name);
    for (const setting of found) this.rest.splice(this.rest.indexOf(setting), 1);
    return found.map(({ value }) => value ?? 'on');
  }

  /** What nobody took. */
  get left(): readonly Setting[] {
    return this.rest;
  }
}
