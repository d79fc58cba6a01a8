import { describe, expect, test } from 'vitest';
import { ExpectTimeoutError } from '../../src/errors.ts';
import { SerialPort } from '../../src/machine/serial.ts';

function send(port: SerialPort, text: string): void {
  for (const byte of new TextEncoder().encode(text)) port.transmit(byte);
}

/** A UART whose guest takes bytes out of its FIFO by hand. */
class Fifo {
  readonly taken: number[] = [];
  readonly depth: number;
  private level = 0;

  constructor(depth: number) {
    this.depth = depth;
  }

  receive(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, this.depth - this.level);
    this.taken.push(...bytes.subarray(0, count));
    this.level += count;
    return count;
  }

  drain(port: SerialPort): void {
    this.level = 0;
    port.readyToReceive();
  }
}

describe('what the guest sends', () => {
  test('arrives at every listener, in few calls', async () => {
    const port = new SerialPort();
    const heard: string[] = [];
    port.onData((bytes) => heard.push(new TextDecoder().decode(bytes)));
    send(port, 'hello '.repeat(100));
    expect(heard).toEqual([]);
    await Promise.resolve();
    expect(heard).toEqual(['hello '.repeat(100)]);
  });

  test('no longer arrives at a listener that ended it', () => {
    const port = new SerialPort();
    let calls = 0;
    const end = port.onData(() => calls++);
    end();
    send(port, 'x');
    port.flush();
    expect(calls).toBe(0);
  });
});

describe('expect', () => {
  test('waits for output that comes in pieces, and gives the groups', async () => {
    const port = new SerialPort();
    const match = port.expect(/version (\d+)/);
    send(port, 'vers');
    port.flush();
    send(port, 'ion 42\n');
    expect((await match)[1]).toBe('42');
  });

  test('sees output that came before it, once', async () => {
    const port = new SerialPort();
    send(port, 'login: ');
    await port.expect(/login: $/);
    await expect(port.expect(/login: $/, { timeout: 1 })).rejects.toThrow(ExpectTimeoutError);
  });

  test('of several, each starts behind the match of the one before', async () => {
    const port = new SerialPort();
    const [first, second] = [port.expect(/ok/), port.expect(/ok/)];
    send(port, 'ok');
    await first;
    send(port, ' then ok');
    expect((await second).index).toBe(' then '.length);
  });

  test('is not led astray by a global pattern', async () => {
    const port = new SerialPort();
    const pattern = /a/g;
    pattern.lastIndex = 5;
    send(port, 'a');
    expect((await port.expect(pattern))[0]).toBe('a');
  });

  test('reads characters whose bytes come apart', async () => {
    const port = new SerialPort();
    for (const byte of new TextEncoder().encode('grün')) {
      port.transmit(byte);
      port.flush();
    }
    await port.expect(/grün/, { timeout: '1s' });
  });

  test('that waited in vain shows the pattern and the end of the output', async () => {
    const port = new SerialPort();
    send(port, `${'-'.repeat(1000)}Kernel panic`);
    const failed = port.expect(/login/, { timeout: '1ms' });
    await expect(failed).rejects.toThrow(
      /\/login\/ did not come within 1 ms; the output ends with:\n-+Kernel panic$/,
    );
  });

  test('fails at once when the machine ends', async () => {
    const port = new SerialPort();
    const waiting = port.expect(/login/);
    port.close();
    await expect(waiting).rejects.toThrow('did not come before the machine ended; the guest sent nothing');
    await expect(port.expect(/login/)).rejects.toThrow(ExpectTimeoutError);
  });

  test('still matches output that came just before the machine ended', async () => {
    const port = new SerialPort();
    const waiting = port.expect(/bye/);
    send(port, 'bye');
    port.close();
    expect((await waiting)[0]).toBe('bye');
  });

  test('refuses a time without a unit', async () => {
    expect(() => new SerialPort().expect(/x/, { timeout: '60' })).toThrow("timeout: '60' has no unit");
  });
});

describe('what is written to the guest', () => {
  test('waits for room in the FIFO and arrives in order', async () => {
    const port = new SerialPort();
    const fifo = new Fifo(4);
    port.connect(fifo);
    port.write('abcdef');
    port.write(Uint8Array.of(0x67));
    expect(String.fromCharCode(...fifo.taken)).toBe('abcd');
    expect(port.pendingInput).toBe(3);
    fifo.drain(port);
    expect(String.fromCharCode(...fifo.taken)).toBe('abcdefg');
    await port.drained();
  });

  test('before the line is connected arrives when it is', () => {
    const port = new SerialPort();
    const fifo = new Fifo(16);
    port.write('early');
    port.connect(fifo);
    expect(String.fromCharCode(...fifo.taken)).toBe('early');
  });

  test('and never taken does not hold up the one who waits when the machine ends', async () => {
    const port = new SerialPort();
    port.write('lost');
    const drained = port.drained();
    port.close();
    await drained;
  });
});
