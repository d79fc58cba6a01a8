import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { DebugTarget, StopPoint } from '../../src/debug/debug-target.ts';
import { GdbServer } from '../../src/debug/gdb-server.ts';
import { fromHex, PACKET_SIZE, PacketReader, packet, toHex } from '../../src/debug/packets.ts';
import { GdbClient } from './gdb-client.ts';

/** Two CPUs and 64 KiB of memory at 0x8000; remembers what it was told. */
class FakeTarget implements DebugTarget {
  readonly cpuCount = 2;
  readonly calls: string[] = [];
  readonly points: StopPoint[] = [];
  readonly memory = new Uint8Array(0x10000);
  readonly registers = [0, 1].map(() =>
    Array.from({ length: 50 }, (_, n) => new Uint8Array(n < 17 || n === 49 ? 4 : 8)),
  );

  describeCpu(cpu: number): string {
    return cpu === 0 ? 'on' : 'off';
  }
  readRegister(cpu: number, register: number): Uint8Array {
    return this.registers[cpu][register];
  }
  writeRegister(cpu: number, register: number, value: Uint8Array): void {
    this.registers[cpu][register] = value.slice();
  }
  readMemory(_cpu: number, address: number, length: number): Uint8Array {
    return address < 0x8000
      ? new Uint8Array(0)
      : this.memory.slice(address - 0x8000, address - 0x8000 + length);
  }
  writeMemory(_cpu: number, address: number, bytes: Uint8Array): boolean {
    if (address < 0x8000 || address - 0x8000 + bytes.length > this.memory.length) return false;
    this.memory.set(bytes, address - 0x8000);
    return true;
  }
  addStopPoint(point: StopPoint): void {
    this.points.push(point);
  }
  removeStopPoint(point: StopPoint): void {
    this.calls.push(`remove ${JSON.stringify(point)}`);
  }
  clearStopPoints(): void {
    this.calls.push('clear');
  }
  stop(): void {
    this.calls.push('stop');
  }
  resume(): void {
    this.calls.push('resume');
  }
  step(cpu: number, others: readonly number[]): void {
    this.calls.push(`step ${cpu} [${others}]`);
  }
  kill(): void {
    this.calls.push('kill');
  }
}

let target: FakeTarget;
let client: GdbClient;
let server: GdbServer;

beforeEach(() => {
  target = new FakeTarget();
  client = new GdbClient();
  server = new GdbServer(target, client.receive, async (line) => (line === 'quiet' ? '' : `did ${line}`));
  client.connect((bytes) => server.receive(bytes));
});

describe('packets', () => {
  test('come out of a stream however it is cut, with bytes that have a meaning of their own escaped', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 }),
        fc.integer({ min: 1, max: 9 }),
        (all, cut) => {
          const stream = all.flatMap((data) => [...packet(String.fromCharCode(...data))]);
          const reader = new PacketReader();
          const found: number[][] = [];
          for (let at = 0; at < stream.length; at += cut) {
            reader.feed(Uint8Array.from(stream.slice(at, at + cut)), (incoming) => {
              if (incoming.kind === 'packet') found.push([...incoming.data]);
            });
          }
          expect(found).toEqual(all.map((data) => [...data]));
        },
      ),
    );
  });

  test('are acknowledged, or asked for again when damaged, until gdb wants neither', async () => {
    await client.ask('qC');
    expect(client.acknowledgements).toEqual(['+']);
    client.raw('$qC#00');
    expect(client.acknowledgements).toEqual(['+', '-']);
    client.raw('$qC#zz');
    expect(client.acknowledgements.at(-1)).toBe('-');
    expect(await client.ask('QStartNoAckMode')).toBe('OK');
    const before = client.acknowledgements.length;
    await client.ask('qC');
    expect(client.acknowledgements).toHaveLength(before);
  });

  test('are sent again when gdb asks for it', async () => {
    expect(await client.ask('qC')).toBe('QC1');
    client.raw('-');
    expect(await client.answer()).toBe('QC1');
  });

  test('that are too long are dropped, and the next one is understood', async () => {
    client.raw(`$${'m'.repeat(PACKET_SIZE + 100)}#00`);
    expect(client.silent).toBe(true);
    client.raw('$half of a packet');
    expect(await client.ask('qC')).toBe('QC1');
  });

  test('of any bytes get an answer or none, never an exception', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary-ascii', maxLength: 60 }),
        fc.constantFrom(...'?gGpPmMXZzcsHTDvqQ'),
        (rest, first) => {
          client.say(first + rest);
          client.raw(rest);
        },
      ),
    );
  });
});

describe('what gdb asks first', () => {
  test('what is supported, and the description of the registers in pieces', async () => {
    expect(await client.ask('qSupported:multiprocess+;xmlRegisters=arm')).toContain('qXfer:features:read+');
    let xml = '';
    for (;;) {
      const piece = await client.ask(`qXfer:features:read:target.xml:${xml.length.toString(16)},100`);
      xml += piece.slice(1);
      if (piece[0] === 'l') break;
    }
    expect(xml).toContain('org.gnu.gdb.arm.core');
    expect(xml).toContain('<reg name="d31" bitsize="64"');
    expect(xml.match(/<reg /g)).toHaveLength(50);
    expect(await client.ask('qXfer:features:read:other.xml:0,100')).toBe('E00');
  });

  test('the threads: one for each CPU', async () => {
    expect(await client.ask('qfThreadInfo')).toBe('m1,2');
    expect(await client.ask('qsThreadInfo')).toBe('l');
    const extra = fromHex(await client.ask('qThreadExtraInfo,2')) as Uint8Array;
    expect(new TextDecoder().decode(extra)).toBe('CPU 1, off');
    expect([await client.ask('T2'), await client.ask('T3'), await client.ask('Hg3')]).toEqual([
      'OK',
      'E14',
      'E14',
    ]);
  });

  test('why it stands still', async () => {
    expect(await client.ask('?')).toBe('T02thread:1;');
  });

  test('what is not known here: an empty answer', async () => {
    for (const unknown of ['!', 'vFile:open', 'qOffsets', 'Z9,0,0'])
      expect(await client.ask(unknown)).toBe('');
  });
});

describe('registers', () => {
  test('are read and written one by one, for the thread that Hg selects', async () => {
    await client.ask('Hg2');
    expect(await client.setRegister(15, 0x1234_5678)).toBe('OK');
    expect(await client.ask('pf')).toBe('78563412');
    expect([...target.registers[0][15]]).toEqual([0, 0, 0, 0]);
    expect(await client.ask('P11=0000000000000840')).toBe('OK');
    expect([await client.ask('p32'), await client.ask('Pf=12'), await client.ask('Pf')]).toEqual([
      'E01',
      'E01',
      'E01',
    ]);
  });

  test('are read and written all at once', async () => {
    target.registers[0][0].set([1, 2, 3, 4]);
    const all = await client.ask('g');
    expect(all).toHaveLength(2 * (17 * 4 + 32 * 8 + 4));
    expect(all.slice(0, 8)).toBe('01020304');
    expect(await client.ask(`G${all.replace('01020304', 'aabbccdd')}`)).toBe('OK');
    expect(toHex(target.registers[0][0])).toBe('aabbccdd');
    expect(await client.ask('G00')).toBe('E01');
  });
});

describe('memory', () => {
  test('is read and written, in hexadecimal and in binary', async () => {
    expect(await client.ask('M8000,3:0a0b0c')).toBe('OK');
    expect(await client.ask('X8003,3:#$}')).toBe('OK');
    expect(await client.ask('m8000,6')).toBe('0a0b0c23247d');
  });

  test('that is not there gives an error; what is there of a range is given', async () => {
    expect(await client.ask('m0,4')).toBe('E14');
    expect(await client.ask('M0,1:00')).toBe('E14');
    expect(await client.ask('m17ffe,4')).toBe('0000');
    for (const bad of ['m', 'm1', 'mx,4', 'm0,4,4', 'M8000,2:00', 'M8000,1', 'X8000,4:1', 'X']) {
      expect(await client.ask(bad)).toBe('E01');
    }
  });
});

describe('stop points', () => {
  test('of all five kinds', async () => {
    for (const type of [0, 1, 2, 3, 4]) expect(await client.ask(`Z${type},8010,4`)).toBe('OK');
    expect(target.points).toEqual([
      { kind: 'execute', address: 0x8010 },
      { kind: 'execute', address: 0x8010 },
      { kind: 'write', address: 0x8010, length: 4 },
      { kind: 'read', address: 0x8010, length: 4 },
      { kind: 'access', address: 0x8010, length: 4 },
    ]);
    await client.ask('z2,8010,4');
    expect(target.calls).toEqual(['remove {"kind":"write","address":32784,"length":4}']);
    expect([await client.ask('Z2,8010,0'), await client.ask('Z0,8010')]).toEqual(['E01', 'E01']);
  });
});

describe('going on', () => {
  test('is answered by the next stop, with its thread and its cause', async () => {
    client.say('vCont;c');
    expect(target.calls).toEqual(['resume']);
    expect(client.silent).toBe(true);
    server.stopped({ cpu: 1, reason: 'breakpoint' });
    expect(await client.answer()).toBe('T05thread:2;');
    client.say('c');
    server.stopped({ cpu: 0, reason: 'watchpoint', watch: { kind: 'access', address: 0x8010 } });
    expect(await client.answer()).toBe('T05thread:1;awatch:8010;');
    expect(await client.ask('?')).toBe('T05thread:1;awatch:8010;');
  });

  test('of one thread by one instruction, the others with it or not', () => {
    client.say('vCont;s:2;c');
    client.say('vCont;s:1');
    client.say('s');
    expect(target.calls).toEqual(
      ['step 1 [0]', 'step 0 [1]', 'step 0 [1]'].map((call, i) => (i === 1 ? 'step 0 []' : call)),
    );
  });

  test('of a thread that is not there is refused', async () => {
    expect(await client.ask('vCont;s:7')).toBe('E01');
    expect(await client.ask('vCont;x')).toBe('E01');
    expect(target.calls).toEqual([]);
  });

  test('ends by Ctrl-C', async () => {
    client.say('c');
    client.raw('\x03');
    expect(target.calls).toEqual(['resume', 'stop']);
    server.stopped({ cpu: 0, reason: 'request' });
    expect(await client.answer()).toBe('T02thread:1;');
  });

  test('ends with the machine', async () => {
    client.say('c');
    server.ended(3);
    expect(await client.answer()).toBe('W03');
  });

  test('ends the session: detach, kill, and a connection that breaks off', async () => {
    expect(await client.ask('D')).toBe('OK');
    client.say('k');
    expect(await client.ask('vKill;1')).toBe('OK');
    server.close();
    server.close();
    expect(target.calls).toEqual(['clear', 'resume', 'kill', 'kill', 'clear', 'resume']);
    server.stopped({ cpu: 0, reason: 'step' });
    expect(client.silent).toBe(true);
  });
});

describe("gdb's monitor command", () => {
  test('runs a line of ours', async () => {
    const answer = await client.ask(`qRcmd,${toHex(new TextEncoder().encode('info pci'))}`);
    expect(new TextDecoder().decode(fromHex(answer))).toBe('did info pci\n');
    expect(await client.ask(`qRcmd,${toHex(new TextEncoder().encode('quiet'))}`)).toBe('OK');
    expect(await client.ask('qRcmd,0')).toBe('E01');
  });
});
