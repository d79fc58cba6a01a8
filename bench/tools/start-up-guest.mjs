import { elf } from '../guests/bare-metal.mjs';

/** Its first instructions switch the machine off (PSCI 0.2 SYSTEM_OFF, by HVC): when it has ended, they have run. */
export const firstInstruction = elf(Uint32Array.from([0xe300_0008, 0xe348_0400, 0xe140_0070]));
