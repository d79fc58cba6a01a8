import { type VirtioDevice, VirtioDeviceId, type VirtioPort } from './virtio-device.ts';

/** Bytes that one request gets at most; a driver asks again for more. */
const MAX_REQUEST_BYTES = 4096;

/** Where random bytes come from; `state` is everything that decides the next ones. */
export interface EntropySource {
  fill(into: Uint8Array): void;
  state: Uint32Array<ArrayBuffer>;
}

/** The host's random numbers. */
export function hostEntropy(): EntropySource {
  return {
    fill: (into) => {
      const random = crypto.getRandomValues(new Uint8Array(into.length));
      into.set(random);
    },
    state: new Uint32Array(0),
  };
}

/** The same numbers in each run (xorshift128, Marsaglia 2003): for a machine whose runs are to be the same. */
export function repeatableEntropy(): EntropySource {
  const state = Uint32Array.of(123_456_789, 362_436_069, 521_288_629, 88_675_123);
  const next = (): number => {
    const t = state[0] ^ (state[0] << 11);
    state.copyWithin(0, 1);
    state[3] ^= (state[3] >>> 19) ^ t ^ (t >>> 8);
    return state[3];
  };
  return {
    fill: (into) => {
      for (let i = 0; i < into.length; i++) into[i] = next();
    },
    state,
  };
}

export type VirtioEntropyState = { source: Uint32Array };

/** Entropy device (Virtio 1.1 5.4): fills what the driver gives it with random bytes. */
export class VirtioEntropy implements VirtioDevice {
  readonly name = 'virtio-rng';
  readonly deviceId = VirtioDeviceId.ENTROPY;
  readonly features = 0n;
  readonly queueSizes = [8];
  readonly config = new Uint8Array(0);
  private readonly source: EntropySource;
  private port!: VirtioPort;

  constructor(source: EntropySource) {
    this.source = source;
  }

  connect(port: VirtioPort): void {
    this.port = port;
  }

  start(): void {}

  notify(queue: number): void {
    const requests = this.port.queues[queue];
    requests.drain((chain) => {
      const bytes = new Uint8Array(Math.min(chain.writableBytes, MAX_REQUEST_BYTES));
      this.source.fill(bytes);
      if (!chain.write(0, bytes)) return false;
      requests.push(chain, bytes.length);
      return true;
    });
  }

  reset(): void {}

  saveState(): VirtioEntropyState {
    return { source: this.source.state.slice() };
  }

  restoreState({ source }: VirtioEntropyState): void {
    if (source.length !== this.source.state.length) {
      throw new RangeError('the virtio-rng of the saved machine had another source of randomness');
    }
    this.source.state.set(source);
  }
}
