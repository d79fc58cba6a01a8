import { OptionError } from '../errors.ts';
import { openShare } from '../host/share.ts';
import type { ShareOptions, VirtioBus } from '../machine/virtio-devices.ts';

const FORM = '--share path=DIR,tag=TAG[,readonly=on][,bus=mmio|pci]; a comma in a value is written twice';
const SETTINGS = ['path', 'tag', 'readonly', 'bus'];

/**
 * The shared folders of a command line, one for each `--share`, opened.
 * @throws OptionError that shows the form, or for a folder that can't be used
 */
export function openShares(texts: readonly string[]): ShareOptions[] {
  const shares: ShareOptions[] = [];
  try {
    for (const text of texts) shares.push(openOne(text));
  } catch (error) {
    for (const { share } of shares) share.close();
    throw error;
  }
  return shares;
}

function openOne(text: string): ShareOptions {
  const refuse = (what: string): OptionError =>
    new OptionError(`--share ${text}: ${what}`, `write it as ${FORM}`);
  const settings = new Map<string, string>();
  for (const setting of text.replaceAll(',,', '\0').split(',')) {
    const [, name, value] = /^([\w-]+)=(.*)$/s.exec(setting.replaceAll('\0', ',')) ?? [];
    if (name === undefined || !SETTINGS.includes(name)) throw refuse(`'${setting}' is no setting of it`);
    settings.set(name, value);
  }
  const path = settings.get('path');
  const tag = settings.get('tag');
  if (!path || !tag) throw refuse('it needs a path and a tag');
  const readonly = settings.get('readonly') ?? 'off';
  if (readonly !== 'on' && readonly !== 'off') throw refuse("readonly is 'on' or 'off'");
  // The library checks the bus.
  const bus = settings.get('bus') as VirtioBus | undefined;
  return { share: openShare(path, readonly === 'on'), tag, ...(bus && { bus }) };
}
