import { OptionError } from '../errors.ts';
import { nearestName } from '../machine/named-choice.ts';
import { QemuDevices } from './qemu-devices.ts';
import { QEMU_OPTIONS, type TranslatedLine } from './qemu-options.ts';

/** An option of armemu's own, as commander describes it. */
export interface OwnOption {
  /** `-m`. */
  readonly short?: string | undefined;
  /** `--memory`. */
  readonly long?: string | undefined;
  /** It takes a value. */
  readonly required: boolean;
}

/**
 * A command line in armemu's own words: what stands in QEMU's (`-smp 2 -nographic -drive if=none,...`) is replaced, all
 * else stays as it is, and in its place.
 * @param own the options of the command
 * @param note told what was left out, and why
 * @throws OptionError for an option of QEMU's that can't be had, with what to write instead; and for one with a single
 * dash that neither has
 */
export function withoutQemuSpellings(
  argv: readonly string[],
  own: readonly OwnOption[],
  note: (text: string) => void,
): string[] {
  const line: TranslatedLine = { devices: new QemuDevices(note), serialPorts: 0, note };
  const words = [...argv];
  const out: string[] = [];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === '--') {
      out.push(word, ...words.splice(0));
    } else if (!/^--?[a-z]/i.test(word)) {
      out.push(word);
    } else {
      const qemu = qemuOptionOf(word, own);
      if (qemu === undefined) out.push(...ownOption(word, words, own));
      else out.push(...qemu.translate(qemu.takesValue ? nextValue(word, words) : '', line));
    }
  }
  const made = line.devices.finish();
  // Behind '--' nothing is an option.
  const end = out.indexOf('--');
  out.splice(end < 0 ? out.length : end, 0, ...made);
  return out;
}

function qemuOptionOf(word: string, own: readonly OwnOption[]) {
  const name = word.replace(/^--?/, '');
  if (!Object.hasOwn(QEMU_OPTIONS, name)) return undefined;
  const isOwn = word.startsWith('--') && own.some(({ long }) => long === word);
  return isOwn ? undefined : QEMU_OPTIONS[name];
}

/** An option of armemu's own, with its value: that may look like an option, and is none. */
function ownOption(word: string, words: string[], own: readonly OwnOption[]): string[] {
  const found = own.find(({ short, long }) => short === word || long === word);
  if (found === undefined && /^-[^-]./.test(word)) refuseUnlessAttached(word, own);
  const value = found?.required ? words.shift() : undefined;
  return value === undefined ? [word] : [word, value];
}

/** `-m512M` is `-m 512M`; `-kernle` is no file `ernle`. */
function refuseUnlessAttached(word: string, own: readonly OwnOption[]): void {
  const longNames = own.flatMap(({ long }) => (long === undefined ? [] : [long.slice(2)]));
  const near = nearestName(word.slice(1), [...Object.keys(QEMU_OPTIONS), ...longNames].filter(isWord));
  if (near === undefined && own.some(({ short, required }) => required && word.slice(0, 2) === short)) return;
  const meant = near && (Object.hasOwn(QEMU_OPTIONS, near) ? `-${near}` : `--${near}`);
  throw new OptionError(
    `unknown option '${word}'${meant === undefined ? '' : `; did you mean '${meant}'?`}`,
    "see 'armemu run --help'; QEMU's own options are taken where they have a meaning here",
  );
}

/** Everything is near to a single letter. */
function isWord(name: string): boolean {
  return name.length > 2;
}

function nextValue(word: string, words: string[]): string {
  const value = words.shift();
  if (value !== undefined) return value;
  throw new OptionError(`option '${word}' argument missing`, "see 'armemu run --help'");
}
