/**
 * A command that a page shows, with what it prints.
 * @typedef {object} ShownCommand
 * @property {'you' | 'root'} user
 * @property {string} line
 * @property {string[]} output a line of `...` stands for any lines
 */

/**
 * The commands of a page's `console` blocks, in their order: `$` begins one of a user, `#` one of root; a line that ends
 * in a backslash goes on.
 * @param {string} markdown
 * @returns {ShownCommand[]}
 */
export function shownCommands(markdown) {
  const commands = [];
  for (const [, block] of markdown.matchAll(/^```console\n(.*?)^```$/gms)) {
    for (const line of block.replaceAll('\\\n', '').trimEnd().split('\n')) {
      const start = /^([$#]) (.*)$/.exec(line);
      if (start) commands.push({ user: start[1] === '#' ? 'root' : 'you', line: start[2], output: [] });
      else commands.at(-1).output.push(line);
    }
  }
  return commands;
}

/**
 * What a page shows, as a pattern for what is printed; spaces at the end of a line do not count.
 * @param {string[]} lines
 */
export function asPattern(lines) {
  const parts = lines.map((line) =>
    line.trim() === '...' ? '(?:.*\\n)*?' : `${line.trimEnd().replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')} *\\n`,
  );
  return new RegExp(`^${parts.join('')}$`);
}
