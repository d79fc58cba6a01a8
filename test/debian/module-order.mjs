import { runTool } from './host-tools.mjs';

/**
 * The files of these modules and of all that they need, each after what it needs.
 * @param {string} directory an unpacked kernel package, after depmod
 * @param {string} release the kernel's release, as in lib/modules
 * @param {string[]} modules names as for modprobe
 * @returns {string[]} paths
 */
export function moduleOrder(directory, release, modules) {
  const order = new Set();
  for (const name of modules) {
    const lines = runTool('modprobe', ['-d', directory, '-S', release, '--show-depends', name]).toString();
    for (const line of lines.split('\n')) {
      // A module that this kernel has built in is listed as "builtin NAME" and needs no loading.
      const match = /^insmod (\S+)/.exec(line);
      if (match) order.add(match[1]);
    }
  }
  return [...order];
}
