import { createMachine } from 'armemu';
import { vfio } from 'armemu/vfio';

const PROMPT_TIMEOUT = '300s';

/** Start of RAM of the board `virt`. */
export const RAM_BASE = 0x4000_0000;

/** RAM that the firmware does not use (it lives in the first megabytes), for the tests' own data. */
export const SCRATCH = 0x4200_0000;

/** A machine in this process that runs the embedded firmware with devices of the host, driven at its prompt. */
export class Firmware {
  /** The library's machine. */
  machine;
  /** What the firmware printed before its first prompt. */
  banner = '';
  /** All that the guest has sent. */
  output = '';

  /**
   * Boots to the prompt.
   * @param {string[]} addresses of the host's devices; they become 00:01.0, 00:02.0, ... of the guest
   * @param {object} [options] more options of createMachine
   */
  static async boot(addresses, options = {}) {
    const firmware = new Firmware();
    firmware.machine = await createMachine({
      machine: 'virt',
      memory: '64M',
      pci: addresses.map((address) => vfio(address)),
      ...options,
    });
    const decoder = new TextDecoder();
    firmware.machine.serial.onData((bytes) => {
      firmware.output += decoder.decode(bytes, { stream: true });
    });
    await firmware.machine.start();
    try {
      await firmware.machine.serial.expect(/armemu> /, { timeout: PROMPT_TIMEOUT });
    } catch (error) {
      await firmware.machine.stop();
      throw error;
    }
    firmware.banner = firmware.output;
    return firmware;
  }

  /** Types a command at the prompt, and waits for its verdict. @returns {Promise<string>} what it printed */
  async command(text) {
    const start = this.output.length;
    const verdict = await this.verdict(text);
    const printed = this.output.slice(start);
    if (verdict !== 'ok') throw new Error(`${text}: ${verdict}\n${printed}`);
    return printed;
  }

  /** As `command`, for commands that may fail: `ok`, or `fail: REASON`. */
  async verdict(text) {
    this.machine.serial.write(`${text}\r`);
    const match = await this.machine.serial.expect(/=> (ok|fail: [^\r\n]*)\r?\n/, {
      timeout: PROMPT_TIMEOUT,
    });
    await this.machine.serial.expect(/armemu> /, { timeout: PROMPT_TIMEOUT });
    return match[1];
  }

  /** One aligned word, read by the guest's CPU. */
  async word(address) {
    const printed = await this.command(`md 0x${address.toString(16)} 1`);
    return Number.parseInt(/: ([0-9a-f]{8})/.exec(printed)[1], 16);
  }

  /** One aligned word, written by the guest's CPU. */
  async setWord(address, value) {
    await this.command(`mw 0x${address.toString(16)} 0x${(value >>> 0).toString(16)}`);
  }

  /** Reads or writes a 16-bit register of configuration space. */
  async config(bdf, offset, value) {
    const text = value === undefined ? '' : ` 0x${value.toString(16)}`;
    const printed = await this.command(`cfg ${bdf} 0x${offset.toString(16)}${text} .w`);
    return Number.parseInt(/ [0-9a-f]{3}: ([0-9a-f]{4})/.exec(printed)[1], 16);
  }

  /**
   * The functions of the guest's bus as its own `lspci -v` shows them.
   * @returns {Promise<Map<string, { id: string, bars: Map<number, { cpu: number, size: number }>, capabilities: Map<number, number> }>>}
   * by bus address; capabilities from id to offset
   */
  async functions() {
    const printed = await this.command('lspci -v');
    const functions = new Map();
    let current;
    for (const line of printed.split(/\r?\n/)) {
      const head = /^ {2}([0-9a-f]{2}:[0-9a-f]{2}\.\d) {2}([0-9a-f]{4}:[0-9a-f]{4})/.exec(line);
      if (head) {
        current = { id: head[2], bars: new Map(), capabilities: new Map() };
        functions.set(head[1], current);
      }
      const bar = /BAR (\d) .* cpu 0x([0-9a-f]+) size 0x([0-9a-f]+)/.exec(line);
      if (bar)
        current.bars.set(Number(bar[1]), {
          cpu: Number.parseInt(bar[2], 16),
          size: Number.parseInt(bar[3], 16),
        });
      const capability = /cap 0x([0-9a-f]{2}) at 0x([0-9a-f]{2})/.exec(line);
      if (capability)
        current.capabilities.set(Number.parseInt(capability[1], 16), Number.parseInt(capability[2], 16));
    }
    return functions;
  }

  /** Guest RAM, as the library shows it. */
  read(address, length) {
    return this.machine.memory.read(address, length);
  }

  write(address, bytes) {
    this.machine.memory.write(address, bytes);
  }

  async stop() {
    await this.machine.stop();
  }
}
