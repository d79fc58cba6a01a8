import { OptionError } from '../errors.ts';
import { addressText, type Ipv4, parseAddress } from './packet.ts';

/** A port of the host whose clients reach the guest. */
export interface HostForward {
  readonly protocol: 'tcp' | 'udp';
  /** The host's address to listen at. */
  readonly hostAddress: string;
  readonly hostPort: number;
  /** The guest's address; 0: the first that DHCP gives away. */
  readonly guest: Ipv4;
  readonly guestPort: number;
}

/**
 * Reads QEMU's form `[tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport`. Without an address of the host only the host
 * itself can connect.
 * @throws OptionError that shows the form
 */
export function parseHostForward(text: string): HostForward {
  const match = /^(tcp|udp|):([\d.]*):(\d+)-([\d.]*):(\d+)$/.exec(text);
  const refuse = (what: string): OptionError =>
    new OptionError(
      `hostfwd '${text}': ${what}`,
      'write it as hostfwd=tcp:127.0.0.1:2222-:22 (protocol, address and port of the host, address and port of the guest)',
    );
  if (match === null) throw refuse('it has not the right form');
  const [, protocol, hostText, hostPort, guestText, guestPort] = match;
  const host = hostText === '' ? 0x7f00_0001 : parseAddress(hostText);
  const guest = guestText === '' ? 0 : parseAddress(guestText);
  if (host === undefined || guest === undefined) throw refuse('it has an address that is none');
  const ports = [Number(hostPort), Number(guestPort)];
  if (ports.some((port) => port < 1 || port > 0xffff)) throw refuse('ports are from 1 to 65535');
  return {
    protocol: protocol === 'udp' ? 'udp' : 'tcp',
    hostAddress: addressText(host),
    hostPort: ports[0],
    guest,
    guestPort: ports[1],
  };
}
