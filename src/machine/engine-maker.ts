import { ArmEngine } from '../arm/engine.ts';
import type { EngineKind } from '../arm/engine-kind.ts';
import type { CpuModel } from '../arm/system-registers.ts';
import { addressText } from '../errors.ts';
import type { MakeEngine } from './lockstep/lockstep.ts';
import type { EngineMode, NormalizedOptions } from './options.ts';

/** The engine of a machine that has but one. */
export function engineKindOf(mode: EngineMode): EngineKind {
  return mode === 'lockstep' ? 'interpreter' : mode;
}

/** Makes the engines of a machine: one, or two that run in lockstep. */
export function engineMaker(options: NormalizedOptions, model: CpuModel): MakeEngine {
  const { board, log, warn } = options;
  return ({ memory, physical }, timers, hooks, kind) => {
    if (board.absent === 'zero') {
      physical.onAbsent = (address, isWrite) => {
        log.unimplemented(`${isWrite ? 'write to' : 'read of'} ${addressText(address)}: no device there`);
      };
    }
    const engine = new ArmEngine(memory, physical, model, timers, board.privatePeripherals, hooks, kind);
    engine.whenRefused((error) => {
      const reason = error instanceof Error ? error.message : String(error);
      warn(`this host refuses to compile, so the interpreter runs everything: ${reason}`);
    });
    return engine;
  };
}
