import { execFileSync, spawn } from 'node:child_process';

/** Runs shell commands as root; fails where one fails. @returns {string} what they printed */
export const asRoot = (text) =>
  execFileSync('/bin/sh', ['-ec', text], { stdio: ['ignore', 'pipe', 'pipe'] }).toString();

/** Words for the shell. */
export const quoted = (word) => `'${word.replaceAll("'", "'\\''")}'`;

/**
 * Runs a shell command as another user, without capabilities, in a shell that root prepared.
 * @param {string} user @param {string} text @param {string} [preparation] of root, in the same shell
 * @returns {Promise<{ code: number, output: string }>}
 */
export function asUser(user, text, preparation = ':') {
  const line = `${preparation} && exec su -p -s /bin/sh ${user} -c ${quoted(text)}`;
  const child = spawn('/bin/sh', ['-c', line], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, USER: user },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, output })));
}
