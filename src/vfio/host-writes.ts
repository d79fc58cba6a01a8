import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { PassthroughError } from '../errors.ts';

/** One change to the host; `command` is what a shell would do for it. */
export type HostStep =
  | { readonly kind: 'write'; readonly path: string; readonly text: string; readonly command: string }
  | { readonly kind: 'load'; readonly module: string; readonly command: string };

/** Who makes changes to the host; tests have a kernel of their own. */
export interface HostWriter {
  /** @throws an error of Node's file system */
  write(path: string, text: string): void;
  /** @throws when the module can't be loaded */
  loadModule(name: string): void;
}

/** The kernel that we run on. */
export const hostWriter: HostWriter = {
  write(path, text) {
    // Sysfs has files that can only be opened for writing, and one system call is one command to it.
    const descriptor = openSync(path, constants.O_WRONLY);
    try {
      writeSync(descriptor, text);
    } finally {
      closeSync(descriptor);
    }
  },
  loadModule(name) {
    execFileSync('modprobe', [name], { stdio: ['ignore', 'ignore', 'pipe'] });
  },
};

/** A line for a file of sysfs; an empty one takes back what was written there before. */
export function writeStep(path: string, text: string): HostStep {
  return { kind: 'write', path, text, command: `echo ${text || "''"} > ${path}` };
}

/** A driver that is not there yet. */
export function loadStep(module: string): HostStep {
  return { kind: 'load', module, command: `modprobe ${module}` };
}

/**
 * Makes a change.
 * @param command what to run as root when this user may not
 * @throws PassthroughError
 */
export function makeStep(writer: HostWriter, step: HostStep, command: string): void {
  try {
    if (step.kind === 'load') writer.loadModule(step.module);
    else writer.write(step.path, `${step.text}\n`);
  } catch (error) {
    throw stepFailed(step, command, error);
  }
}

function stepFailed(step: HostStep, command: string, cause: unknown): PassthroughError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  if (step.kind === 'load')
    return new PassthroughError(
      `The kernel's driver ${step.module} can't be loaded: ${reason.trim().replaceAll('\n', ' ')}`,
      `As root: modprobe ${step.module}  - a kernel without it needs CONFIG_VFIO_PCI.`,
      { cause },
    );
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return new PassthroughError(`No permission to write ${step.path}.`, `As root: ${command}`, { cause });
  return new PassthroughError(
    code === 'ENOENT' || code === 'ENODEV'
      ? `${step.path} is gone: the device was taken out, or its driver was unloaded.`
      : `The kernel did not take '${step.command}': ${reason}.`,
    "Look at what there is: armemu vfio list. The kernel's log says more: dmesg | tail",
    { cause },
  );
}
