/** Angles as sixteen bits of a turn; the sines are those of core/src/space/angle.rs, to the bit. */

/** The sine of a quarter turn in 256 steps, in 2^-15, both ends included. */
const QUARTER = quarter();

/** The rotation by one step, applied 256 times in 2^-60, since a library's sine may differ in its last bit. */
function quarter(): Int32Array {
  const sinStep = 7_074_193_361_797_233n;
  const cosStep = 1_152_899_801_185_339_687n;
  const one = 1n << 60n;
  const table = new Int32Array(257);
  let sin = 0n;
  let cos = one;
  for (let index = 0; index <= 256; index++) {
    table[index] = Number(((sin * 65_536n) / one + 1n) / 2n);
    const nextSin = (sin * cosStep + cos * sinStep) / one;
    cos = (cos * cosStep - sin * sinStep) / one;
    sin = nextSin;
  }
  return table;
}

/** The sine of an angle of 16 bits, in 2^-15. */
export function sinQ15(angle: number): number {
  const within = angle & 0x3fff;
  const index = within >> 6;
  const part = within & 63;
  const isMirrored = (angle & 0x4000) !== 0;
  const from = isMirrored ? QUARTER[256 - index] : QUARTER[index];
  const to = isMirrored ? QUARTER[Math.max(255 - index, 0)] : QUARTER[index + 1];
  const value = from + (((to - from) * part) >> 6);
  return angle & 0x8000 ? -value : value;
}

export const cosQ15 = (angle: number): number => sinQ15((angle + 0x4000) & 0xffff);

/** The sine of an angle of at most a quarter turn. */
function quarterSine(angle: number): number {
  const index = angle >> 6;
  const from = QUARTER[index];
  const to = index < 256 ? QUARTER[index + 1] : from;
  return from + (((to - from) * (angle & 63)) >> 6);
}

/** The angle whose tangent is i / 256, for a direction of at most an eighth of a turn. */
const ARCTANGENTS = Uint16Array.from({ length: 257 }, (_, tangent) => {
  let low = 0;
  let high = 0x2001;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (tangent * quarterSine(0x4000 - middle) >= 256 * quarterSine(middle)) low = middle;
    else high = middle;
  }
  return low;
});

/** The angle of a vector of whole numbers as the core has it, to the bit; 0 for the null vector. */
export function exactAngleOf(x: number, y: number): number {
  const wide = Math.abs(x);
  const high = Math.abs(y);
  const long = Math.max(wide, high);
  if (long === 0) return 0;
  const tangent = Math.floor((Math.min(wide, high) * 65_536) / long);
  const index = tangent >> 8;
  const from = ARCTANGENTS[index];
  const to = ARCTANGENTS[Math.min(index + 1, 256)];
  const eighth = from + (((to - from) * (tangent & 0xff) + 128) >> 8);
  const quarter = wide >= high ? eighth : 0x4000 - eighth;
  if (x >= 0) return y >= 0 ? quarter : -quarter & 0xffff;
  return y >= 0 ? 0x8000 - quarter : 0x8000 + quarter;
}

/** An angle in radians. */
export const radians = (angle: number): number => (angle * Math.PI) / 32_768;

/** The angle of a vector, 0 to 65,535. */
export const angleOf = (x: number, y: number): number => Math.round((Math.atan2(y, x) * 32_768) / Math.PI) & 0xffff;
