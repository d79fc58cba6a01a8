/** What is measured, how much of it, and the bounds of its ratio (QEMU's CPU time / armemu's). */

/** Rounds that make 8.8 thousand million instructions each, 4.5 of `sort`: four to six seconds in QEMU. */
export const KERNELS = [
  { name: 'hash', rounds: 10_000 },
  { name: 'matrix', rounds: 2960 },
  { name: 'sort', rounds: 2460 },
  { name: 'state', rounds: 29_600 },
  { name: 'sieve', rounds: 4880 },
];
export const SETS = ['a32', 't32'];

/** In the Linux guest; rounds for some seconds in QEMU. */
export const WORKLOADS = [
  { name: 'f64-matrix', group: 'compute', rounds: 250 },
  { name: 'neon', group: 'compute', rounds: 8000 },
  { name: 'memcpy', group: 'compute', rounds: 10_000 },
  { name: 'sha256', group: 'compute', rounds: 2500 },
  { name: 'getppid', group: 'system', rounds: 400_000 },
  { name: 'pipe', group: 'system', rounds: 20_000 },
  { name: 'page-faults', group: 'system', rounds: 100 },
  { name: 'fork-exec', group: 'system', rounds: 1500 },
];

/** Debian's kernel to its first process, and a disk of Debian to its prompt. */
export const BOOTS = ['init', 'login'];

/** What else `--only` may name. */
export const GROUPS = ['kernels', 'compute', 'system', 'boot'];
export const OTHERS = ['start-up', 'interpreter', 'new-code', 'growth'];

const geometricMean = (values) =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
const least = (values) => Math.min(...values);

const kernelRows = KERNELS.flatMap(({ name }) => SETS.map((set) => `${name}-${set}`));
const computeRows = WORKLOADS.filter(({ group }) => group === 'compute').map(({ name }) => name);

/** Each bound: of which rows' ratios, taken how. */
export const BOUNDS = [
  { title: 'integer kernels, geometric mean', of: kernelRows, by: geometricMean, must: 1.2, aim: 1.5 },
  { title: 'the worst single kernel', of: kernelRows, by: least, must: 0.8, aim: 1 },
  {
    title: 'f64 matrix, NEON, memcpy, sha256 in Linux, geometric mean',
    of: computeRows,
    by: geometricMean,
    must: 0.8,
    aim: 1.2,
  },
  { title: 'getppid loop', of: ['getppid'], by: least, must: 3, aim: 10 },
  { title: 'pipe ping-pong', of: ['pipe'], by: least, must: 2, aim: 4 },
  { title: 'page faults', of: ['page-faults'], by: least, must: 1.2, aim: 2 },
  { title: 'fork + exec', of: ['fork-exec'], by: least, must: 1, aim: 1.5 },
  { title: 'Debian kernel to /init', of: ['init'], by: least, must: 0.7, aim: 1 },
  { title: 'Debian disk to login:', of: ['login'], by: least, must: 0.7, aim: 1.2 },
];
