import type { BoardDescription } from '../boards/board.ts';
import { VirtioNet } from '../devices/virtio/net.ts';
import { OptionError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { NetworkBackend } from '../ports/network.ts';
import type { OnBus } from './virtio-devices.ts';

/** Kinds of network card. */
export type NicModel = 'virtio' | 'lan9118';

/** A network card of a machine. Its network belongs to the machine, which closes it at its end. */
export interface NicOptions extends OnBus {
  /**
   * `virtio`, or `lan9118`: the board's own Ethernet, which takes one. Absent: the board's own for the first card that names
   * no bus either, where the board has one, else virtio.
   */
  readonly model?: NicModel;
  /** `userNetwork()` of `armemu/host`, a socket of a `Hub`, or one of your own. */
  readonly network: NetworkBackend;
  /** Ethernet address, `52:54:00:12:34:56` for the first card where none is given. */
  readonly mac?: string;
}

/** QEMU's: its registered prefix, then what it gives to the first card. */
const FIRST_MAC = Uint8Array.of(0x52, 0x54, 0x00, 0x12, 0x34, 0x56);

/**
 * The addresses of cards, one for each.
 * @throws OptionError for an address that can't be a card's, or that is there twice
 */
export function macsOf(nics: readonly NicOptions[]): Uint8Array[] {
  const macs = nics.map(({ mac }, i) => (mac === undefined ? defaultMac(i) : parseMac(mac)));
  const texts = macs.map(String);
  const twice = nics.findIndex((_, i) => texts.indexOf(texts[i]) !== i);
  if (twice >= 0) {
    throw new OptionError(`nics: card ${twice + 1} has the address of another one`, 'give it another mac');
  }
  return macs;
}

function defaultMac(index: number): Uint8Array {
  const mac = FIRST_MAC.slice();
  mac[5] += index;
  return mac;
}

function parseMac(text: string): Uint8Array {
  const parts = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text)
    ? text.split(':').map((part) => Number.parseInt(part, 16))
    : [];
  // Bit 0 of the first byte: a group's, which no card has (IEEE 802.3 3.2.3).
  if (parts.length !== 6 || (parts[0] & 1) !== 0) {
    throw new OptionError(`nics: '${text}' is no address of a card`, 'write it as 52:54:00:12:34:56');
  }
  return Uint8Array.from(parts);
}

const MODELS: readonly NicModel[] = ['virtio', 'lan9118'];

/**
 * The same cards, each with its model.
 * @throws OptionError for a model that the board has not, or has not as often
 */
export function withModels(board: BoardDescription, nics: readonly NicOptions[]): readonly NicOptions[] {
  const unknown = nics.find(({ model }) => model !== undefined && !MODELS.includes(model));
  if (unknown !== undefined) {
    throw new OptionError(`nics: there is no card '${unknown.model}'`, `there are: ${MODELS.join(', ')}`);
  }
  const own = nics.filter(({ model }) => model === 'lan9118');
  const hasOwn = board.devices.some(({ kind }) => kind === 'lan9118');
  if (own.length > (hasOwn ? 1 : 0)) {
    throw new OptionError(
      hasOwn ? `nics: ${board.name} has one lan9118` : `nics: ${board.name} has no lan9118`,
      'leave model out, or write model=virtio',
    );
  }
  if (own.some(({ bus }) => bus !== undefined)) {
    throw new OptionError('nics: the lan9118 is on the board, not on a bus', 'leave bus or model out');
  }
  const first = nics.find(({ model, bus }) => model === undefined && bus === undefined);
  const onBoard = hasOwn && own.length === 0 ? first : own[0];
  return nics.map((nic) => ({ ...nic, model: nic === onBoard ? 'lan9118' : 'virtio' }));
}

/** Makes a card. It is plugged into its network by `connectNics`. */
export function makeNic(nic: NicOptions, mac: Uint8Array, clock: Clock): VirtioNet {
  return new VirtioNet({ network: nic.network, mac, clock });
}
