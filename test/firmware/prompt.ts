import { createMachine, type Machine, type MachineOptions } from '../../src/index.ts';

/** The embedded firmware at its prompt. */
export class Prompt {
  readonly machine: Machine;
  private output = '';

  private constructor(machine: Machine) {
    this.machine = machine;
    const decoder = new TextDecoder();
    machine.serial.onData((bytes) => {
      this.output += decoder.decode(bytes, { stream: true });
    });
  }

  /** Boots a machine with it. */
  static async of(options: MachineOptions): Promise<Prompt> {
    const prompt = new Prompt(await createMachine({ clock: 'instructions', ...options }));
    await prompt.machine.start();
    await prompt.machine.serial.expect(/armemu> /, { timeout: '120s' });
    return prompt;
  }

  /** Types a command. Answers what it printed. @throws Error when it failed */
  async command(text: string): Promise<string> {
    const start = this.output.length;
    this.machine.serial.write(`${text}\r`);
    await this.machine.serial.expect(/=> [^\r\n]*\r\n/, { timeout: '120s' });
    const printed = this.output.slice(start).replaceAll('\r', '');
    if (!/^=> ok$/m.test(printed)) throw new Error(printed);
    return printed;
  }

  async stop(): Promise<void> {
    await this.machine.stop();
  }
}
