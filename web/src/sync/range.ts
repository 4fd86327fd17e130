/** The range decoder of shares: docs/WIRE.md, "The range coder". Every operation is in 32 bits without a sign. */

import { Malformed } from "./bits";
import type { Model } from "./generated/models_generated";

const TOTAL_BITS = 14;
const RANGE_MIN = 2 ** 24;

/** Symbols and plain bits out of a share. */
export class RangeDecoder {
  private at = 0;
  private code = 0;
  private range = 0xffff_ffff;
  /** The number was above the interval, where no encoder's is. */
  private isOutside = false;

  constructor(private readonly share: Uint8Array) {
    for (let byte = 0; byte < 4; byte++) this.code = ((this.code << 8) | this.next()) >>> 0;
  }

  /** A symbol of a model in a context. */
  symbol(model: Model, context: number): number {
    const part = this.part(TOTAL_BITS);
    const starts = model.starts[model.rows[context]];
    // The last symbol that begins at the part or before it.
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (starts[middle] <= part) low = middle;
      else high = middle;
    }
    const end = low + 1 < starts.length ? starts[low + 1] : 1 << TOTAL_BITS;
    this.consume(starts[low], end - starts[low], TOTAL_BITS);
    return low;
  }

  flag(model: Model, context: number): boolean {
    return this.symbol(model, context) === 1;
  }

  /** At most 16 bits. */
  plain(bits: number): number {
    const value = this.part(bits);
    this.consume(value, 1, bits);
    return value;
  }

  /** A number of 32 bits. */
  number(model: Model, context: number): number {
    const length = this.symbol(model, context);
    return length <= 1 ? length : this.belowHighest(length);
  }

  /** The bits below the highest of a number with `length` bits, 2 to 32. */
  belowHighest(length: number): number {
    const below = length - 1;
    const low = this.plain(Math.min(below, 16));
    const high = below > 16 ? this.plain(below - 16) : 0;
    return 2 ** below + high * 65_536 + low;
  }

  /** A number of 32 bits by its difference from an old one. */
  difference(model: Model, context: number, old: number): number {
    return (old + unfold(this.number(model, context))) >>> 0;
  }

  /** A difference that is mostly small. */
  residual(model: Model, context: number): number {
    const symbol = this.symbol(model, context);
    if (symbol < 13) return symbol - 6;
    const bits = ((symbol - 13) >> 1) + 1;
    const amount = ((1 << bits) | this.plain(bits)) + 5;
    return symbol & 1 ? amount : -amount;
  }

  /** To be called after the last symbol. */
  finish(): void {
    const isAtEnd = this.at === this.share.length + 3 || this.at === this.share.length + 4;
    if (this.isOutside || !isAtEnd) throw new Malformed("a share is longer or shorter than its symbols");
  }

  private part(bits: number): number {
    const part = Math.floor(this.code / (this.range >>> bits));
    const most = 2 ** bits - 1;
    if (part > most) {
      this.isOutside = true;
      return most;
    }
    return part;
  }

  private consume(start: number, size: number, bits: number): void {
    const part = this.range >>> bits;
    this.code = (this.code - part * start) >>> 0;
    this.range = (part * size) >>> 0;
    while (this.range < RANGE_MIN) {
      this.range = (this.range << 8) >>> 0;
      this.code = ((this.code << 8) | this.next()) >>> 0;
    }
  }

  private next(): number {
    const byte = this.at < this.share.length ? this.share[this.at] : 0;
    this.at++;
    return byte;
  }
}

/** The difference that a folded one stands for, in 32 bits without a sign. */
export function unfold(folded: number): number {
  return ((folded >>> 1) ^ -(folded & 1)) >>> 0;
}
