import type { FunctionBody, ValType } from './function-body.ts';

/** Locals of a function that are lent and given back, so that large functions have few. */
export class LocalPool {
  private readonly code: FunctionBody;
  private readonly free: { readonly [T in ValType]: number[] } = {
    i32: [],
    i64: [],
    f32: [],
    f64: [],
    v128: [],
  };

  constructor(code: FunctionBody) {
    this.code = code;
  }

  take(type: ValType): number {
    return this.free[type].pop() ?? this.code.local(type);
  }

  give(local: number): void {
    this.free[this.code.typeOf(local)].push(local);
  }
}
