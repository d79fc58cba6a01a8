import { spawn } from 'node:child_process';
import { openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { release } from 'node:os';
import { createInterface } from 'node:readline';

const HERE = '/armemu/test/vfio-vm';

/** There is no udev here: the port is found by the name that QEMU gave it. */
function openResultsPort() {
  const ports = '/sys/class/virtio-ports';
  const port = readdirSync(ports).find(
    (name) => readFileSync(`${ports}/${name}/name`, 'utf8').trim() === 'armemu.results',
  );
  return openSync(`/dev/${port}`, 'w');
}

const port = openResultsPort();
const send = (message) => writeSync(port, `${JSON.stringify(message)}\n`);

function relay(stream) {
  stream.on('data', (data) => send({ type: 'output', text: data.toString() }));
}

function run(command, args, timeoutSeconds, environment) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: '/armemu',
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      env: { ...process.env, HOME: '/tmp', TMPDIR: '/tmp', ...environment },
    });
    relay(child.stdout);
    relay(child.stderr);
    createInterface({ input: child.stdio[3] }).on('line', (line) => send(JSON.parse(line)));
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, timeoutSeconds * 1000);
    child.once('error', (error) => resolve({ code: error.message, timedOut }));
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code: code ?? signal, timedOut });
    });
  });
}

/** AddressSanitizer writes a file for each process in which it found something; a test may not have noticed. */
function reportSanitizer() {
  for (const name of readdirSync('/tmp').filter((file) => file.startsWith('asan.'))) {
    send({
      type: 'fail',
      name: 'AddressSanitizer finds nothing',
      error: readFileSync(`/tmp/${name}`, 'utf8'),
    });
  }
}

const plan = JSON.parse(readFileSync('/armemu/plan.json', 'utf8'));
send({
  type: 'hello',
  node: process.version,
  kernel: release(),
  uptime: Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]),
});

if (plan.command !== undefined) {
  const { code } = await run('/bin/sh', ['-c', plan.command], plan.fileTimeoutSeconds, plan.environment);
  send({ type: 'command-end', code });
} else {
  for (const file of plan.tests) {
    send({ type: 'file', name: file });
    const args = [
      `--test-reporter=${HERE}/guest/reporter.mjs`,
      '--test-reporter-destination=stderr',
      `${HERE}/tests/${file}`,
    ];
    const end = await run('/bin/node', args, plan.fileTimeoutSeconds, plan.environment);
    send({ type: 'file-end', name: file, ...end });
  }
}
reportSanitizer();
send({ type: 'done' });
