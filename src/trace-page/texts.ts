const UNITS = [
  ['s', 1e9],
  ['ms', 1e6],
  ['µs', 1e3],
  ['ns', 1],
] as const;

/** A time as exact as a difference to be seen asks for. */
export function timeText(ns: number, step: number): string {
  const [unit, scale] = UNITS.find(([, size]) => Math.abs(ns) >= size) ?? UNITS[3];
  const digits = Math.max(0, Math.min(12, Math.ceil(Math.log10(scale / Math.max(step, 1)))));
  return `${(ns / scale).toFixed(digits)} ${unit}`;
}

/** Seconds to the nanosecond, so that times under each other can be compared. */
export function exactTime(ns: number): string {
  const whole = Math.floor(ns / 1e9);
  const rest = Math.floor(ns - whole * 1e9)
    .toString()
    .padStart(9, '0');
  return `${whole}.${rest.slice(0, 3)} ${rest.slice(3, 6)} ${rest.slice(6)}`;
}

/** `1,234,567`. */
export function countText(count: number): string {
  return count.toLocaleString('en-US');
}

/** `64 KiB`. */
export function sizeText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const unit = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  const scaled = bytes / 2 ** (10 * unit);
  return `${Number.isInteger(scaled) ? scaled : scaled.toFixed(1)} ${units[unit]}`;
}

/** An address as the page writes it. */
export function hexText(address: number): string {
  return `0x${address.toString(16)}`;
}
