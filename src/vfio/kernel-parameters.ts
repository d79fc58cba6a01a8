/** Where Debian, Ubuntu and others keep the kernel's command line. */
const GRUB = '/etc/default/grub';

/** Words to be taken out of the command line of the host's kernel, and to be put into it. */
export interface ParameterChange {
  readonly remove?: readonly string[];
  readonly add?: readonly string[];
}

/** The command that does it. */
export function changeKernelParameters({ remove = [], add = [] }: ParameterChange): string {
  const what = [
    ...(remove.length > 0 ? [`take ${remove.join(' ')} out of`] : []),
    ...(add.length > 0 ? [`add ${add.join(' ')} to`] : []),
  ].join(', and ');
  const edits = [
    ...remove.map((word) => `-e 's/\\b${word.replaceAll('/', '\\/')}\\b//'`),
    ...add.map((word) => `-e 's/^GRUB_CMDLINE_LINUX="/&${word} /'`),
  ];
  return [
    `As root, ${what} the kernel's command line, and restart:`,
    `  sed -i ${edits.join(' ')} ${GRUB} && update-grub && reboot`,
  ].join('\n');
}
