/**
 * The guest exception that a slow path or helper of the running instruction has raised, if any. Generated code looks
 * at `faulted` after each call that may raise; what the kind means is the guest architecture's.
 */
export class PendingFault {
  faulted = false;
  kind = 0;

  raise(kind: number): void {
    this.faulted = true;
    this.kind = kind;
  }
}
