import { fromHex, PacketReader, packet, toHex } from '../../src/debug/packets.ts';

/** The other end of the protocol: sends packets, and waits for the answers. */
export class GdbClient {
  readonly acknowledgements: string[] = [];
  private readonly answers: string[] = [];
  private readonly waiting: ((answer: string) => void)[] = [];
  private readonly reader = new PacketReader();
  private send: (bytes: Uint8Array) => void = () => {};

  connect(send: (bytes: Uint8Array) => void): void {
    this.send = send;
  }

  /** Bytes from the server. */
  readonly receive = (bytes: Uint8Array): void => {
    if (bytes.length === 1) this.acknowledgements.push(String.fromCharCode(bytes[0]));
    this.reader.feed(bytes, (incoming) => {
      if (incoming.kind !== 'packet') return;
      const answer = String.fromCharCode(...incoming.data);
      const next = this.waiting.shift();
      if (next === undefined) this.answers.push(answer);
      else next(answer);
    });
  };

  raw(text: string): void {
    this.send(Uint8Array.from(text, (character) => character.charCodeAt(0)));
  }

  /** Sends a packet that is answered later, or never. */
  say(text: string): void {
    this.send(packet(text));
  }

  ask(text: string): Promise<string> {
    this.say(text);
    return this.answer();
  }

  answer(): Promise<string> {
    const ready = this.answers.shift();
    return ready === undefined
      ? new Promise((resolve) => this.waiting.push(resolve))
      : Promise.resolve(ready);
  }

  get silent(): boolean {
    return this.answers.length === 0;
  }

  async readWord(address: number): Promise<number> {
    const bytes = fromHex(await this.ask(`m${address.toString(16)},4`)) as Uint8Array;
    return new DataView(bytes.buffer).getUint32(0, true);
  }

  async register(n: number): Promise<number> {
    const bytes = fromHex(await this.ask(`p${n.toString(16)}`)) as Uint8Array;
    return new DataView(bytes.buffer).getUint32(0, true);
  }

  setRegister(n: number, value: number): Promise<string> {
    return this.ask(`P${n.toString(16)}=${toHex(new Uint8Array(Uint32Array.of(value).buffer))}`);
  }
}
