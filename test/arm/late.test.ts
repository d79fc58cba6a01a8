import { describe, expect, test } from 'vitest';
import { cortexA15 } from '../../src/arm/cortex-a15.ts';
import { ArmEngine } from '../../src/arm/engine.ts';
import { MachineMemory } from '../../src/memory/machine-memory.ts';
import { PageWatches } from '../../src/memory/page-watches.ts';
import { PhysicalMemory } from '../../src/memory/physical-memory.ts';
import * as a from './assembler.ts';
import { DEBUGGER } from './bench.ts';

const RAM = 0x4000_0000;
const SWITCH = 0x1000_0000;

describe('a run that takes too long of the host', () => {
  // Each eighth block the engine asks whether it does.
  test.each([0, 1, 2, 3, 4, 5, 6, 7])(
    'ends for a store that switched the CPU off, not for being late: %i blocks before it',
    (blocks) => {
      const memory = new MachineMemory(0x1_0000);
      const physical = new PhysicalMemory(memory, RAM, new PageWatches(0x1_0000));
      const engine = new ArmEngine(memory, physical, cortexA15, [undefined], 0, {
        hypervisorCall: () => false,
        semihostingCall: () => 'guest',
        attention: () => {},
      });
      const [cpu] = engine.cpus;
      const off = {
        read: () => 0,
        write: () => {
          cpu!.power = 'off';
        },
      };
      physical.map(SWITCH, 0x1000, off, 'switch');
      const next = a.b(0, 1);
      const code = [
        ...Array<number>(blocks).fill(next),
        a.str(0, 8),
        ...Array<number>(16).fill(next),
        a.B_SELF,
      ];
      code.forEach((word, i) => {
        physical.write(RAM + 4 * i, 4, word, DEBUGGER);
      });
      cpu!.state.slots[8] = SWITCH;
      cpu!.state.slots[15] = RAM;
      expect(engine.run(cpu!, 1000, () => cpu!.power === 'off')).toBe('off');
    },
  );
});
