/** Plain bits, for the own part, events and inputs: docs/WIRE.md, "Bits of what is not a share". */

/** Bytes that are not what they should be. Whoever takes in bytes from outside catches this and nothing else. */
export class Malformed extends Error {}

const U32 = 2 ** 32;

/** Reads bits, the lowest of each byte first. Every method throws `Malformed` at the end of the bytes. */
export class BitReader {
  private at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  /** At most 32 bits. */
  bits(count: number): number {
    if (this.bytes.length * 8 - this.at < count) throw new Malformed("the bits end in a value");
    let value = 0;
    let have = 0;
    while (have < count) {
      const offset = this.at & 7;
      const take = Math.min(8 - offset, count - have);
      const part = (this.bytes[this.at >> 3] >> offset) & ((1 << take) - 1);
      // Not a shift, which has a sign from 32 bits on.
      value += part * 2 ** have;
      have += take;
      this.at += take;
    }
    return value;
  }

  bool(): boolean {
    return this.bits(1) === 1;
  }

  /** An Exp-Golomb code of any value of 64 bits. */
  wide(order: number): bigint {
    let zeros = 0;
    while (!this.bool()) {
      if (++zeros > 64) throw new Malformed("a code is longer than any value's");
    }
    const quotient = ((1n << BigInt(zeros)) | this.many(zeros)) - 1n;
    const value = (quotient << BigInt(order)) | this.many(order);
    if (value >> 64n) throw new Malformed("a code is longer than any value's");
    return value;
  }

  private many(count: number): bigint {
    const low = BigInt(this.bits(Math.min(count, 32)));
    return count > 32 ? low | (BigInt(this.bits(count - 32)) << 32n) : low;
  }

  /** An Exp-Golomb code of a value that has to be `max` at most, which is below 2^53. */
  unsigned(order: number, max: number): number {
    const value = this.wide(order);
    if (value > BigInt(max)) throw new Malformed("a value is out of its range");
    return Number(value);
  }

  /** A signed value of 64 bits. */
  wideSigned(order: number): bigint {
    const folded = this.wide(order);
    return folded & 1n ? -(folded >> 1n) - 1n : folded >> 1n;
  }

  /** A signed value that has to be an exact number here. */
  signed(order: number, max: number): number {
    const value = this.wideSigned(order);
    if (value > BigInt(max) || value < -BigInt(max) - 1n) throw new Malformed("a value is out of its range");
    return Number(value);
  }

  /** Whether nothing is left but the zeros of the last byte; to be called once, at the end. */
  finish(): void {
    const left = this.bytes.length * 8 - this.at;
    if (left >= 8 || this.bits(left) !== 0) throw new Malformed("there are bits behind the last value");
  }
}

/** Writes what a `BitReader` reads. */
export class BitWriter {
  private readonly out: number[] = [];
  private count = 0;

  push(value: number, bits: number): void {
    let rest = value;
    for (let bit = 0; bit < bits; bit++) {
      if ((this.count & 7) === 0) this.out.push(0);
      const low = rest % 2;
      if (low !== 0) this.out[this.out.length - 1] |= 1 << (this.count & 7);
      rest = (rest - low) / 2;
      this.count++;
    }
  }

  bool(value: boolean): void {
    this.push(value ? 1 : 0, 1);
  }

  unsigned(value: bigint | number, order: number): void {
    const whole = BigInt(value);
    const quotient = (whole >> BigInt(order)) + 1n;
    const bits = quotient.toString(2).length - 1;
    for (let zero = 0; zero < bits; zero++) this.push(0, 1);
    this.push(1, 1);
    this.many(quotient, bits);
    this.many(whole, order);
  }

  signed(value: bigint | number, order: number): void {
    const whole = BigInt(value);
    this.unsigned(whole < 0n ? -2n * whole - 1n : 2n * whole, order);
  }

  private many(value: bigint, bits: number): void {
    for (let bit = 0; bit < bits; bit++) this.push(Number((value >> BigInt(bit)) & 1n), 1);
  }

  finish(): Uint8Array {
    return Uint8Array.from(this.out);
  }
}

/** Folds a number into 32 bits without a sign. */
export const u32 = (value: number): number => value >>> 0;

/** The low 32 bits of a count of any size that is exact here. */
export const low32 = (value: number): number => ((value % U32) + U32) % U32;
