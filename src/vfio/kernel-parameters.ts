/** Where Debian, Ubuntu, Fedora and others keep the kernel's command line. */
const GRUB = '/etc/default/grub';

/** The commands that add a word to the command line of the host's kernel. */
export function addKernelParameter(word: string): string {
  return [
    `Add ${word} to the kernel's command line, as root:`,
    `  sed -i 's/^GRUB_CMDLINE_LINUX="/&${word} /' ${GRUB} && update-grub && reboot`,
  ].join('\n');
}

/** The commands that take words out of it. */
export function removeKernelParameters(words: readonly string[]): string {
  const edits = words.map((word) => `-e 's/\\b${word.replaceAll('/', '\\/')}\\b//'`).join(' ');
  return [
    `Take ${words.join(' ')} out of the kernel's command line, as root:`,
    `  sed -i ${edits} ${GRUB} && update-grub && reboot`,
  ].join('\n');
}
