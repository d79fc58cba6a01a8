import { spawn } from 'node:child_process';

/** A user's shell that stays, as a person's does: what a command changed in it holds for the next. */
export class Shell {
  #child;
  #output = '';
  #wake = () => {};

  /** @param {string} user */
  constructor(user) {
    const [program, ...args] = user === 'root' ? ['/bin/sh'] : ['/bin/su', '-p', '-s', '/bin/sh', user];
    this.#child = spawn(program, args, {
      cwd: '/tmp',
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, USER: user, PATH: '/bin' },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        this.#output += text;
        this.#wake();
      });
    }
  }

  /** @param {string} line @returns {Promise<{ code: number, output: string }>} */
  async run(line) {
    this.#output = '';
    this.#child.stdin.write(`{ ${line}\n} 2>&1 < /dev/null; echo "<<$?>>"\n`);
    for (;;) {
      const end = /<<(\d+)>>\n$/.exec(this.#output);
      if (end !== null) return { code: Number(end[1]), output: this.#output.slice(0, end.index) };
      await new Promise((resolve) => (this.#wake = resolve));
    }
  }

  end() {
    this.#child.stdin.end();
  }
}
