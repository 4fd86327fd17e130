/** Inputs on their way to the server: they ride along in every report until they are carried out. */

import { COMMANDS_MAX, type Command, INPUTS_MAX, type TickInput } from "./report";

export class Outbox {
  /** The number of the first that waits. */
  first = 1;
  readonly inputs: TickInput[] = [];
  private coming: Command[] = [];

  /** Takes a command for the coming tick; false if there is no room for it. */
  push(command: Command): boolean {
    if (this.inputs.length >= INPUTS_MAX || this.coming.length >= COMMANDS_MAX) return false;
    this.coming.push(command);
    return true;
  }

  /** Makes what was gathered the input of a tick. */
  close(tick: number): TickInput | null {
    if (this.coming.length === 0) return null;
    const last = this.inputs.at(-1);
    // After a jump of time back, ticks still grow.
    const input = { tick: last === undefined ? tick : Math.max(tick, last.tick + 1), commands: this.coming };
    this.coming = [];
    this.inputs.push(input);
    return input;
  }

  /** The server has carried out the inputs up to a number. */
  handleDone(done: number): void {
    // Numbers beyond those that there were are not believed.
    const count = Math.min(Math.max(done + 1 - this.first, 0), this.inputs.length);
    this.inputs.splice(0, count);
    this.first += count;
  }
}
