/** Who looks on: at whom, and of a replay at which time. */

import type { Input } from "./input";
import type { Joined, ReplaySpan } from "../net/messages";
import type { ShownEntity } from "../sync/client";
import { NOBODY } from "../sync/words";
import { SeekBar, type SeekActions } from "../view/seekbar";

export class Onlooker {
  /** Whom one looks at. */
  private watched = NOBODY;
  private isNextWanted = false;
  seekBar: SeekBar | null = null;

  /** What one may press. */
  static help(joined: Joined, isTouch: boolean): string {
    if (isTouch) return "tap for the next one";
    return joined.replay === undefined ? "N for the next one" : "space to stop, arrows to jump, N for the next one";
  }

  /** A replay is begun, or gone on with at another time; `add` shows its bar. */
  handleReplay(span: ReplaySpan, tickRate: number, actions: SeekActions, add: (bar: HTMLElement) => void): void {
    if (this.seekBar === null) {
      this.seekBar = new SeekBar(actions);
      add(this.seekBar.root);
    }
    this.seekBar.open(span.tick_first, span.tick_last, span.tick, tickRate);
  }

  /** The next one is looked at. */
  next(): void {
    this.isNextWanted = true;
  }

  /** Takes what was pressed. */
  act(input: Input): void {
    if (input.take("KeyN") || input.takeTap()) this.next();
    const { seekBar } = this;
    if (seekBar === null) {
      if (input.take("Space")) this.next();
      return;
    }
    if (input.take("Space")) seekBar.toggle();
    if (input.take("ArrowLeft")) seekBar.jump(-1);
    if (input.take("ArrowRight")) seekBar.jump(1);
  }

  /** Whom one looks at among those who are there: somebody else once that one has gone. */
  choose(shown: readonly ShownEntity[]): ShownEntity | null {
    const fighters = shown.filter(({ healthMax }) => healthMax > 0);
    const there = fighters.length > 0 ? fighters : shown;
    const index = there.findIndex(({ id }) => id === this.watched);
    const chosen = this.isNextWanted || index < 0 ? there[(index + 1) % Math.max(there.length, 1)] : there[index];
    this.isNextWanted = false;
    this.watched = chosen?.id ?? NOBODY;
    return chosen ?? null;
  }
}
