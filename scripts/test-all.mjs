// Runs everything there is to test, one stage after the other, and counts:
//   node scripts/test-all.mjs [--fresh-install] [--only PART-OF-A-TITLE]
// --fresh-install runs README's own test command instead of `npm test`. A stage that fails does not stop the others.
// The last line is "N passed, N failed"; exit code 0 only if nothing failed.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
/** The other versions of Node that armemu must run on. */
const OTHER_NODES = ['22', '24'];

/**
 * What a stage's output says about its tests.
 * @typedef {{ passed: number, failed: number }} Counts
 */

const numberBefore = (text, word) => Number(new RegExp(`(\\d+) ${word}`).exec(text)?.[1] ?? 0);

/** The last line that matches, so that a test's own output is not taken for the summary. */
const lastLine = (output, pattern) => output.split('\n').findLast((line) => pattern.test(line));

/** vitest: `Tests  3 failed | 1200 passed | 1 skipped (1204)`. A skipped test has not passed. */
function countVitest(output) {
  const line = lastLine(output, /^\s*Tests\s+\d/);
  if (line === undefined) return undefined;
  const notRun = numberBefore(line, 'skipped') + numberBefore(line, 'todo');
  return { passed: numberBefore(line, 'passed'), failed: numberBefore(line, 'failed') + notRun };
}

/** node:test: `# pass 12`, or with a sign of its own in place of the #. */
function countNodeTest(output) {
  const number = (word) =>
    Number(/(\d+)$/.exec(lastLine(output, new RegExp(`^\\S ${word} \\d+$`)) ?? '')?.[1] ?? 0);
  const failed = ['fail', 'cancelled', 'skipped', 'todo'].reduce((sum, word) => sum + number(word), 0);
  return { passed: number('pass'), failed };
}

/** test:vfio: `12 passed, 0 failed`. */
function countClosingLine(output) {
  const match = /^(\d+) passed, (\d+) failed$/.exec(lastLine(output, /^\d+ passed, \d+ failed$/) ?? '');
  return match === null ? undefined : { passed: Number(match[1]), failed: Number(match[2]) };
}

/** Scripted sessions: a line each, `ok` or `FAIL`. */
function countSessions(output) {
  const lines = output.split('\n');
  return {
    passed: lines.filter((line) => /^ok {3}\S/.test(line)).length,
    failed: lines.filter((line) => /^FAIL /.test(line)).length,
  };
}

/** One check, passed when the command ends with 0. */
const countExitCode = () => ({ passed: 1, failed: 0 });

/** Tests in the host VM that CI has time to run with AddressSanitizer, too: the others start armemu again and again. */
const ASAN_IN_CI = ['edu', 'nvme', 'network', 'virtual-function', 'misuse']
  .map((name) => `--test ${name}.test.mjs`)
  .join(' ');

/** README promises a command; it must be that one which is tested. */
function readmeTestCommand() {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const command = /^ +(npm ci && npm test)$/m.exec(readme)?.[1];
  if (command === undefined) throw new Error('README.md has no line "npm ci && npm test"');
  return command;
}

/** @returns {{ title: string, command: string, count: (output: string) => Counts | undefined }[]} */
function stages(freshInstall) {
  return [
    {
      title: freshInstall ? "README's test command" : 'npm test',
      command: freshInstall ? readmeTestCommand() : 'npm test',
      count: countVitest,
    },
    // A minute for each SMMU: too long for CI, whose `npm test` does less of the same.
    ...(freshInstall
      ? []
      : [
          {
            title: 'a guest that maps and unmaps at full speed for a minute',
            command: 'ARMEMU_STORM_SECONDS=60 npx vitest run test/iommu/shadow/storm.test.ts',
            count: countVitest,
          },
        ]),
    { title: 'lint', command: 'npm run lint -- --colors=off', count: countExitCode },
    { title: 'types', command: 'npm run typecheck', count: countExitCode },
    { title: 'npm start without a terminal', command: 'npm start < /dev/null', count: countExitCode },
    {
      title: 'firmware builds to the same bytes',
      command: 'node scripts/build-firmware.mjs --check',
      count: countExitCode,
    },
    {
      title: 'firmware sessions on QEMU',
      command: 'node scripts/firmware-on-qemu.mjs',
      count: countSessions,
    },
    {
      title: 'firmware sessions on armemu',
      command: 'node scripts/firmware-on-qemu.mjs --armemu',
      count: countSessions,
    },
    { title: "soft-float against the host's", command: 'npm run check:soft-float', count: countExitCode },
    {
      title: 'fresh conformance vectors',
      command: 'npm run conformance:fresh -- --engine interpreter',
      count: countExitCode,
    },
    {
      // Compiling each vector takes ten times as long as interpreting it.
      title: 'fresh conformance vectors, compiled',
      command: 'npm run conformance:fresh -- --engine wasm --blocks 20000',
      count: countExitCode,
    },
    { title: 'addon', command: 'npm run test:native', count: countNodeTest },
    { title: 'addon, AddressSanitizer', command: 'npm run test:native -- --asan', count: countNodeTest },
    { title: 'the page of a trace, in chromium', command: 'npm run test:browser', count: countNodeTest },
    {
      title: 'real guests',
      // CI has an hour for everything: it boots the files that test/guests/run.mjs names for it.
      command: `npm run test:guests${freshInstall ? ' -- --ci' : ''}`,
      count: countNodeTest,
    },
    {
      title: "checksums of the benchmarks' guests, beside QEMU's",
      command:
        'npm run bench:qemu -- --only kernels --only compute --only system --rounds 1 --scale 0.05 --engine wasm',
      count: countExitCode,
    },
    {
      title: 'passthrough in the host VM',
      command: `npm run test:vfio${freshInstall ? ' -- --ci' : ''}`,
      count: countClosingLine,
    },
    {
      title: 'passthrough in the host VM, AddressSanitizer',
      command: `npm run test:vfio -- --scenario default --asan ${freshInstall ? `--ci ${ASAN_IN_CI}` : '--timeout 3600'}`,
      count: countClosingLine,
    },
    ...OTHER_NODES.flatMap((major) => [
      {
        title: `npm test with Node ${major}`,
        command: `"$(node scripts/fetch-node.mjs ${major})" node_modules/vitest/vitest.mjs run`,
        count: countVitest,
      },
      {
        title: `passthrough with Node ${major}`,
        command: `npm run test:vfio -- --scenario default --test edu.test.mjs --test nvme.test.mjs --node "$(node scripts/fetch-node.mjs ${major})"`,
        count: countClosingLine,
      },
    ]),
  ];
}

/** Runs a command, shows its output as it comes. @returns {Promise<{ code: number | string, output: string }>} */
function run(command) {
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-c', command], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1' },
    });
    let output = '';
    for (const [from, to] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ]) {
      from.setEncoding('utf8');
      from.on('data', (text) => {
        output += text;
        to.write(text);
      });
    }
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code: code ?? signal, output }));
  });
}

/** What a log that is cut off at its beginning should still have of a stage that failed. */
const LINES_NAMED = 8;
const LINES_AT_THE_END = 20;

/** Which tests failed, by the signs of vitest, node:test and test:vfio, and what the stage said last. */
function whatFailed(title, output) {
  const lines = output.trimEnd().split('\n');
  const end = Math.max(0, lines.length - LINES_AT_THE_END);
  const named = lines
    .slice(0, end)
    .filter((line) => /^\s*(not ok|✖|FAIL|×|\[[ \d.]+s\]\s+fail)\s/i.test(line));
  return [`--- ${title}:`, ...named.slice(0, LINES_NAMED), ...lines.slice(end)].join('\n');
}

const { values } = parseArgs({
  options: { 'fresh-install': { type: 'boolean', default: false }, only: { type: 'string', default: '' } },
});
const startedAt = performance.now();
const seconds = () => `${Math.round((performance.now() - startedAt) / 1000)} s`;
const summary = [];
const failures = [];
let passed = 0;
let failed = 0;
for (const { title, command, count } of stages(values['fresh-install'])) {
  if (!title.includes(values.only)) continue;
  console.log(`\n=== ${title} [${seconds()}]\n$ ${command}`);
  const { code, output } = await run(command);
  const counts = code === 0 || count !== countExitCode ? count(output) : { passed: 0, failed: 1 };
  const found = counts ?? { passed: 0, failed: 0 };
  // A stage that says nothing about its tests, or ends badly without a failed test, has failed itself.
  const broken = found.failed === 0 && (code !== 0 || found.passed === 0) ? 1 : 0;
  passed += found.passed;
  failed += found.failed + broken;
  const failedInAll = found.failed + broken;
  const counted = `${title}: ${found.passed} passed, ${failedInAll} failed`;
  if (failedInAll === 0) summary.push(`ok   ${counted}`);
  else {
    failures.push(whatFailed(title, output));
    // With what it said last, for a log that is cut off behind the summary.
    summary.push(`FAIL ${counted} (exit code ${code}): ${output.trimEnd().split('\n').at(-1)}`);
  }
}
console.log(`\n=== Summary [${seconds()}]\n${summary.join('\n')}`);
if (failures.length > 0) console.log(`\n=== What failed\n${failures.join('\n')}\n`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
