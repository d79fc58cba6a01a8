import { EventEmitter } from 'node:events';
import { describe, expect, test } from 'vitest';
import { type SerialLine, Terminal } from '../../src/host/terminal.ts';

class FakeInput extends EventEmitter {
  readonly isTTY: boolean;
  readonly history: string[] = [];

  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
  }

  setRawMode(raw: boolean): void {
    this.history.push(raw ? 'raw' : 'cooked');
  }

  pause(): void {
    this.history.push('pause');
  }

  resume(): void {
    this.history.push('resume');
  }

  type(text: string): void {
    this.emit('data', Buffer.from(text));
  }
}

class FakeOutput extends EventEmitter {
  text = '';
  full = false;

  write(chunk: Uint8Array | string): boolean {
    this.text += typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk);
    return !this.full;
  }
}

class FakeLine implements SerialLine {
  received = '';
  pendingInput = 0;
  send: (bytes: Uint8Array) => void = () => {};
  takeAll: () => void = () => {};

  write(data: Uint8Array): void {
    this.received += new TextDecoder().decode(data);
  }

  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.takeAll = resolve;
    });
  }

  onData(callback: (bytes: Uint8Array) => void): () => void {
    this.send = callback;
    return () => {
      this.send = () => {};
    };
  }
}

function setUp(isTTY: boolean) {
  const events: string[] = [];
  const [input, output, line] = [new FakeInput(isTTY), new FakeOutput(), new FakeLine()];
  const terminal = new Terminal(input, output, {
    leave: () => events.push('leave'),
    outputFull: () => events.push('full'),
    outputDrained: () => events.push('drained'),
    monitor: async (typed) => {
      events.push(`monitor: ${typed}`);
      if (typed === 'fail') throw new Error('it broke');
      return typed === 'quiet' ? '' : 'one\ntwo';
    },
  });
  terminal.connectOutput(line);
  terminal.startInput();
  return { events, input, output, line, terminal };
}

describe('a person at the terminal', () => {
  test('types to the guest, Ctrl-C too', () => {
    const { input, line } = setUp(true);
    input.type('ls\r\x03');
    expect(line.received).toBe('ls\r\x03');
  });

  test('leaves with Ctrl-A x, also when the keys come one by one', () => {
    const { input, line, events } = setUp(true);
    input.type('a\x01');
    input.type('xb');
    expect(events).toEqual(['leave']);
    expect(line.received).toBe('a');
  });

  test('sees the keys with Ctrl-A h, and the guest hears nothing of it', () => {
    const { input, output, line } = setUp(true);
    input.type('\x01h');
    expect(output.text).toContain('Ctrl-A x       leave');
    expect(line.received).toBe('');
  });

  test('gets to the monitor with Ctrl-A c, edits lines there, and gets back the same way', async () => {
    const { input, output, line, events } = setUp(true);
    input.type('a\x01cinfx\x7fo\r');
    await Promise.resolve();
    expect(events).toEqual(['monitor: info']);
    expect(output.text.endsWith('(armemu) infx\b \bo\r\none\r\ntwo\r\n(armemu) ')).toBe(true);
    input.type('rubbish\x15quiet\r');
    input.type('\x01cb');
    expect(events).toEqual(['monitor: info', 'monitor: quiet']);
    expect(line.received).toBe('ab');
  });

  test('sees the guest go on while the monitor is open, and what a command failed with', async () => {
    const { input, output, line } = setUp(true);
    input.type('\x01cfail\r');
    line.send(Buffer.from('hello'));
    await new Promise((resolve) => setTimeout(resolve));
    expect(output.text).toContain('hello');
    expect(output.text).toContain('Error: it broke');
    expect(line.received).toBe('');
  });

  test('sends Ctrl-A by typing it twice', () => {
    const { input, line } = setUp(true);
    input.type('\x01\x01');
    expect(line.received).toBe('\x01');
  });

  test('finds the terminal as it was, however often it is restored', () => {
    const { input, terminal } = setUp(true);
    terminal.restore();
    terminal.restore();
    expect(input.history).toEqual(['raw', 'resume', 'pause', 'cooked']);
    expect(input.listenerCount('data')).toBe(0);
  });
});

describe('a pipe as input', () => {
  test('is passed on as it is, Ctrl-A too, without raw mode', () => {
    const { input, line, events } = setUp(false);
    input.type('\x01x');
    expect(line.received).toBe('\x01x');
    expect(events).toEqual([]);
    expect(input.history).toEqual(['resume']);
  });

  test('is read only as fast as the guest takes it', async () => {
    const { input, line } = setUp(false);
    line.pendingInput = 5000;
    input.type('much');
    expect(input.history).toEqual(['resume', 'pause']);
    line.takeAll();
    await Promise.resolve();
    await Promise.resolve();
    expect(input.history).toEqual(['resume', 'pause', 'resume']);
  });
});

describe('what the guest sends', () => {
  test('is shown', () => {
    const { line, output } = setUp(false);
    line.send(Buffer.from('hello'));
    expect(output.text).toBe('hello');
  });

  test('holds the guest while the reader is slow, once', () => {
    const { line, output, events } = setUp(false);
    output.full = true;
    line.send(Buffer.from('a'));
    line.send(Buffer.from('b'));
    expect(events).toEqual(['full']);
    output.emit('drain');
    expect(events).toEqual(['full', 'drained']);
  });
});
