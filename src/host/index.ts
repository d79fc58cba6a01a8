/** What Node gives to a machine: files and the terminal. Exported as `armemu/host`. */
export { ESCAPE_HELP, type EscapeAction, EscapeKeys } from './escape-keys.ts';
export { readGuestImage, replaceFile, writeOutputFile } from './files.ts';
export { type FlashFileOptions, openFlashFile } from './flash-file.ts';
export { openHostFolder } from './folder.ts';
export { type DebuggableMachine, GdbSocket, parseSocketAddress, type SocketAddress } from './gdb-socket.ts';
export { type OpenDiskOptions, openDisk } from './open-disk.ts';
export { openShare } from './share.ts';
export { hostSockets, userNetwork } from './sockets.ts';
export {
  type InputStream,
  type OutputStream,
  type SerialLine,
  Terminal,
  type TerminalEvents,
} from './terminal.ts';
export { TraceFile } from './trace-file.ts';
