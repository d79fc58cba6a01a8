/**
 * Preloaded by every Node in the VM (NODE_OPTIONS in init.sh): WebAssembly stays the code that the calling thread made.
 *
 * V8's compiler threads replace functions of WebAssembly by better ones while others run them. QEMU before 8.1 can miss that on a
 * machine with several CPUs: it reads guest code for its translator without holding the page, so that a store by another CPU
 * meanwhile is lost, and goes on running the old code, or what has taken its place (mended there by deba78709ae8, "accel/tcg: Always lock
 * pages before translation"). Node then ends with SIGSEGV or traps where there is no access. A loop of small modules shows that
 * within a minute; it does not with one CPU, nor without those threads. JavaScript is not concerned: its code is put in place by
 * the thread that runs it.
 */
import { setFlagsFromString } from 'node:v8';

// Without the second, functions that run much are replaced all the same.
setFlagsFromString('--no-wasm-tier-up');
setFlagsFromString('--no-wasm-dynamic-tiering');
