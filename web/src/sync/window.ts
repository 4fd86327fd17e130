/** Which packets of a row came: the newest and the 64 before it. */

export const AHEAD_MAX = 1 << 16;
const KEPT = 64;
const MASK = (1n << 64n) - 1n;

export type Standing = "fresh" | "doubled" | "old" | "future";

export class Window {
  newest = 0;
  /** Which before it came, from the lowest bit. */
  before = 0n;

  standing(number: number): Standing {
    if (number === 0 || number > this.newest + AHEAD_MAX) return "future";
    if (number > this.newest) return "fresh";
    const back = this.newest - number;
    if (back === 0) return "doubled";
    if (back > KEPT) return "old";
    return (this.before >> BigInt(back - 1)) & 1n ? "doubled" : "fresh";
  }

  /** Notes a fresh number; returns how many went out of the window without having come. */
  note(number: number): number {
    if (number <= this.newest) {
      this.before |= 1n << BigInt(this.newest - number - 1);
      return 0;
    }
    const first = this.newest === 0;
    const oldest = Math.max(this.newest - KEPT, 1);
    // Everything that is now further back than the window: it came, or it is lost.
    const end = Math.min(number - KEPT - 1, this.newest);
    let lost = 0;
    if (!first) {
      for (let at = oldest; at <= end; at++) {
        const back = this.newest - at;
        // The one right behind the window was judged when it fell out.
        const hasCome = back === 0 || ((this.before >> BigInt(back - 1)) & 1n) === 1n;
        if (!hasCome) lost++;
      }
      lost += Math.max(number - KEPT - 1 - this.newest, 0);
    }
    const ahead = number - this.newest;
    const shown = (this.before << 1n) | (first ? 0n : 1n);
    this.before = ahead > KEPT ? 0n : (shown << BigInt(ahead - 1)) & MASK;
    this.newest = number;
    return lost;
  }
}
