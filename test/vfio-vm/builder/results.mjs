/** Counts what the VM reports, and what it should have reported and did not. */
export class Results {
  passed = 0;
  failed = 0;
  /** Exit code of the command of `--command`; 1 until it ended. */
  commandCode = 1;

  #progress;
  #raw;
  #running = '';
  #expectedFiles = new Set();
  #done = false;
  #failedBefore = 0;
  #passedInFile = 0;

  /** @param {(line: string) => void} progress @param {boolean} raw print the VM's output as it is */
  constructor(progress, raw) {
    this.#progress = progress;
    this.#raw = raw;
  }

  /** A boot begins, in which these files must run. */
  begin(scenario, files) {
    this.scenario = scenario;
    this.#expectedFiles = new Set(files);
    this.#done = false;
    this.#running = '';
    this.#failedBefore = this.failed;
  }

  message(message) {
    switch (message.type) {
      case 'hello':
        this.#progress(
          `${this.scenario}: Linux ${message.kernel}, Node ${message.node}, up after ${message.uptime} s`,
        );
        break;
      case 'file':
        this.#running = message.name;
        this.#passedInFile = 0;
        this.#progress(`${this.scenario}: ${message.name}`);
        break;
      case 'start':
        this.#running = message.name;
        break;
      case 'pass':
        this.passed++;
        this.#passedInFile++;
        this.#progress(`  pass  ${message.name} (${message.milliseconds} ms)`);
        break;
      case 'fail':
        this.#fail(message.name, message.error);
        break;
      case 'output':
        if (this.#raw) process.stdout.write(message.text);
        else process.stdout.write(message.text.replace(/^(?=.)/gm, '        | '));
        break;
      case 'file-end':
        this.#fileEnded(message);
        break;
      case 'command-end':
        this.commandCode = typeof message.code === 'number' ? message.code : 1;
        break;
      case 'done':
        this.#done = true;
        break;
      default:
        this.#fail('the VM sends only messages', JSON.stringify(message));
    }
  }

  #fileEnded({ name, code, timedOut }) {
    this.#expectedFiles.delete(name);
    if (timedOut) this.#fail(name, `timed out in: ${this.#running}`);
    else if (code !== 0 && this.failed === this.#failedBefore) this.#fail(name, `ended with ${code}`);
    else if (code === 0 && this.#passedInFile === 0) this.#fail(name, 'reported no test');
  }

  /** The boot is over. @returns {boolean} whether anything of it failed */
  finish({ timedOut, exitCode, panic }, { expectTests, timeout }) {
    if (panic !== undefined) this.#fail('the VM has no kernel panic', panic);
    if (timedOut) this.#fail('the VM ends in time', `still running after ${timeout} s, in: ${this.#running}`);
    else if (!this.#done)
      this.#fail('the VM reports its end', `QEMU ended with ${exitCode}, in: ${this.#running}`);
    if (expectTests) {
      for (const file of this.#expectedFiles) this.#fail(file, 'no results arrived');
    }
    return this.failed > this.#failedBefore;
  }

  #fail(name, reason) {
    this.failed++;
    this.#progress(`  FAIL  ${this.scenario}: ${name}\n${String(reason).replace(/^/gm, '          ')}`);
  }
}
