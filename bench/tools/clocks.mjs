/** CPU time of all threads of this process in milliseconds: on a busy machine it says more than the clock on the wall. */
export function cpuMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Milliseconds on the wall, with the resolution of nanoseconds; the same origin in all threads. */
export function wallMs() {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** The sample below which a share `q` of all samples lies. */
export function quantile(samples, q) {
  const sorted = Float64Array.from(samples).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
}

export const median = (samples) => quantile(samples, 0.5);

export function geometricMean(values) {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
