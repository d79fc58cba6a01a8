import type { EndSignal } from './command-io.ts';

/** Exit codes of the command, beside what a guest gives by semihosting. */
export const ExitCode = {
  ok: 0,
  /** `armemu vfio check`: the host is not ready for the device. */
  notReady: 1,
  /** The command line, an image or the host is not as it must be; nothing was started. */
  badInput: 2,
  /** A fault of armemu itself (EX_SOFTWARE of sysexits.h). */
  internalError: 70,
  /** Output could not be written, on a full disk for example (EX_IOERR of sysexits.h). */
  outputLost: 74,
  /** The reader of our output went away: 128 + SIGPIPE. */
  brokenPipe: 141,
} as const;

/** 128 + the signal's number, as shells count. */
export const SIGNAL_EXIT_CODES: Readonly<Record<EndSignal, number>> = {
  SIGHUP: 129,
  SIGINT: 130,
  SIGTERM: 143,
};
