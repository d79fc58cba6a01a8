import { OptionError } from '../errors.ts';
import { userNetwork } from '../host/sockets.ts';
import { Hub } from '../index.ts';
import type { NicModel, NicOptions } from '../machine/nic-options.ts';
import type { VirtioBus } from '../machine/virtio-devices.ts';

const FORM =
  '--nic user[,hostfwd=tcp:127.0.0.1:2222-:22]... or --nic hub=NAME, each with [,mac=ADDRESS][,model=virtio|lan9118][,bus=mmio|pci]';

/**
 * The network cards of a command line, one for each `--nic`. Cards on hubs of the same name see each other.
 * @throws OptionError that shows the form
 */
export function parseNics(texts: readonly string[]): NicOptions[] {
  const hubs = new Map<string, Hub>();
  return texts.filter((text) => text !== 'none').map((text) => parseNic(text, hubs));
}

function parseNic(text: string, hubs: Map<string, Hub>): NicOptions {
  const [network, ...settings] = text.split(',');
  const hostForward: string[] = [];
  let mac: string | undefined;
  let bus: string | undefined;
  let model: string | undefined;
  for (const setting of settings) {
    const [, name, value] = /^(\w+)=(.*)$/.exec(setting) ?? [];
    if (name === 'hostfwd' && network === 'user') hostForward.push(value);
    else if (name === 'mac') mac = value;
    else if (name === 'bus') bus = value;
    else if (name === 'model') model = value;
    else throw new OptionError(`--nic ${text}: '${setting}' is no setting of it`, `write it as ${FORM}`);
  }
  // The library checks address, model and bus.
  const common = {
    ...(mac === undefined ? {} : { mac }),
    ...(model === undefined ? {} : { model: model as NicModel }),
    ...(bus === undefined ? {} : { bus: bus as VirtioBus }),
  };
  if (network === 'user') return { ...common, network: userNetwork({ hostForward }) };
  const hub = /^hub=(\S+)$/.exec(network)?.[1];
  if (hub === undefined)
    throw new OptionError(`--nic ${text}: there is no network '${network}'`, `write it as ${FORM}`);
  const known = hubs.get(hub) ?? new Hub(hub);
  hubs.set(hub, known);
  return { ...common, network: known.socket() };
}
