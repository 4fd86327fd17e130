/** What one does with a replay: to stop it, to go on, to go to another time. */

import { button, element, say } from "./dom";

export interface SeekActions {
  seek(tick: number): void;
  pause(on: boolean): void;
}

/** How far the keys go, in seconds. */
const JUMP_SECONDS = 5;

/** Minutes and seconds. */
export function clock(seconds: number): string {
  const whole = Math.max(Math.floor(seconds), 0);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

export class SeekBar {
  readonly root: HTMLElement;
  private readonly range = element("input");
  private readonly time = element("time");
  private readonly play = button("Pause", () => this.toggle());
  private first = 0;
  private last = 1;
  private rate = 20;
  /** The tick that is shown. */
  tick = 0;
  isPaused = false;
  private isHeld = false;

  constructor(private readonly actions: SeekActions) {
    this.range.type = "range";
    this.range.step = "1";
    this.range.setAttribute("aria-label", "time in the replay");
    this.range.addEventListener("input", () => {
      this.isHeld = true;
      this.show(Number(this.range.value));
    });
    this.range.addEventListener("change", () => {
      this.isHeld = false;
      this.go(Number(this.range.value));
      this.range.blur();
    });
    this.root = element("div", "seekbar panel", this.play, this.range, this.time);
  }

  /** From when to when the replay is, and how many ticks are a second. */
  open(first: number, last: number, tick: number, rate: number): void {
    this.first = first;
    this.last = Math.max(last, first + 1);
    this.rate = Math.max(rate, 1);
    this.range.min = `${this.first}`;
    this.range.max = `${this.last}`;
    this.handleAt(tick, this.isPaused);
  }

  /** Where the replay is. */
  handleAt(tick: number, isPaused: boolean): void {
    this.isPaused = isPaused;
    say(this.play, isPaused ? "Play" : "Pause");
    this.tick = tick;
    if (this.isHeld) return;
    this.range.value = `${tick}`;
    this.show(tick);
  }

  /** What tests look at. */
  inspect(): object {
    const { tick, first, last, isPaused } = this;
    return { tick, first, last, isPaused };
  }

  private show(tick: number): void {
    say(this.time, `${clock((tick - this.first) / this.rate)} / ${clock((this.last - this.first) / this.rate)}`);
  }

  toggle(): void {
    const isAtEnd = this.tick >= this.last - 1;
    // From the end it begins anew.
    if (this.isPaused && isAtEnd) this.go(this.first);
    this.actions.pause(!this.isPaused);
  }

  /** So many times five seconds forward, or back. */
  jump(times: number): void {
    this.go(this.tick + times * JUMP_SECONDS * this.rate);
  }

  private go(tick: number): void {
    const there = Math.min(Math.max(Math.round(tick), this.first), this.last);
    this.handleAt(there, this.isPaused);
    this.actions.seek(there);
  }
}
