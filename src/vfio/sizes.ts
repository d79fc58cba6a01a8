/** Bytes for people: in the largest of GiB, MiB and KiB that they fill, with one decimal where they do not divide. */
export function formatBytes(bytes: number): string {
  const units = [
    ['GiB', 2 ** 30],
    ['MiB', 2 ** 20],
    ['KiB', 2 ** 10],
  ] as const;
  const unit = units.find(([, size]) => bytes >= size);
  if (unit === undefined) return `${bytes} bytes`;
  const [name, size] = unit;
  return `${bytes % size === 0 ? bytes / size : (bytes / size).toFixed(1)} ${name}`;
}

/** `0x` and lower-case hexadecimal digits. */
export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
