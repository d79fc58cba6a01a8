import { VirtioNet } from '../devices/virtio/net.ts';
import { OptionError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { NetworkBackend } from '../ports/network.ts';
import type { OnBus } from './virtio-devices.ts';

/** A network card of a machine. Its network belongs to the machine, which closes it at its end. */
export interface NicOptions extends OnBus {
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

/** Makes a card. It is plugged into its network by `connectNics`. */
export function makeNic(nic: NicOptions, mac: Uint8Array, clock: Clock): VirtioNet {
  return new VirtioNet({ network: nic.network, mac, clock });
}
