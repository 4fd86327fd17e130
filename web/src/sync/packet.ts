/** Packets as datagrams have them: docs/WIRE.md, "Packets". */

import { Malformed } from "./bits";

export interface PacketHeader {
  session: number;
  sequence: number;
  update: number;
  /** Cut to 16 bits. */
  tick: number;
  /** Cut to 16 bits; 0 is none. */
  heard: number;
  held: number;
  parts: number;
  part: number;
}

/** What a packet has for one group. */
export interface GroupPart {
  group: number;
  /** How many updates before the packet's the version was made; `AGE_MAX` is that or more. */
  age: number;
  version: number;
  /** How many versions back its base is; 0 is a whole state. */
  base: number;
  /** How many versions before the base movement is told from; 0 is none. */
  before: number;
  isClosing: boolean;
  share: Uint8Array;
}

export interface Packet {
  header: PacketHeader;
  own: Uint8Array;
  events: Uint8Array;
  groups: GroupPart[];
}

/** The age of a version that is this old or older. */
export const AGE_MAX = 31;
/** The step from one group's number to the next that stands for a number that follows. */
const FAR = 63;
const HAS_BASE = 64;
const HAS_AGE = 128;
/** The age that closes a group. */
const CLOSING = 255;
/** The length that stands for one of two bytes that follow. */
const LONG = 255;
/** The number of no group. */
const NO_GROUP = 65_535;
const NOTHING = new Uint8Array(0);

/** Bytes that are taken from the front. */
class Bytes {
  private at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  get isAtEnd(): boolean {
    return this.at === this.bytes.length;
  }

  byte(): number {
    if (this.isAtEnd) throw new Malformed("something in a packet ends behind its end");
    return this.bytes[this.at++];
  }

  half(): number {
    const low = this.byte();
    return low | (this.byte() << 8);
  }

  /** Bytes behind their number. */
  told(): Uint8Array {
    const length = this.byte();
    const end = (length === LONG ? this.half() : length) + this.at;
    if (end > this.bytes.length) throw new Malformed("something in a packet ends behind its end");
    const told = this.bytes.subarray(this.at, end);
    this.at = end;
    return told;
  }
}

/** Reads a packet, checking every offset in it. */
export function readPacket(bytes: Uint8Array): Packet {
  try {
    const { header, bits } = readEnvelope(bytes);
    if (header.part >= header.parts) throw new Malformed("a part that its update does not have");
    const rest = new Bytes(bits);
    const own = header.part === 0 ? rest.told() : NOTHING;
    const events = header.part === 0 ? rest.told() : NOTHING;
    return { header, own, events, groups: readGroups(rest) };
  } catch (error) {
    // Every access beyond the bytes is one of these.
    if (error instanceof RangeError) throw new Malformed("a packet that ends too early");
    throw error;
  }
}

function readEnvelope(bytes: Uint8Array): { header: PacketHeader; bits: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const table = view.getUint32(0, true);
  const description = table - view.getInt32(table, true);
  const size = view.getUint16(description, true);
  const field = (number: number): number => {
    const at = 4 + 2 * number;
    const offset = at + 2 <= size ? view.getUint16(description + at, true) : 0;
    if (offset === 0) throw new Malformed("a packet without one of its fields");
    return table + offset;
  };
  const at = field(0);
  const header: PacketHeader = {
    session: view.getUint32(at, true),
    sequence: view.getUint32(at + 4, true),
    update: view.getUint32(at + 8, true),
    tick: view.getUint16(at + 12, true),
    heard: view.getUint16(at + 14, true),
    held: view.getUint16(at + 16, true),
    parts: view.getUint8(at + 18),
    part: view.getUint8(at + 19),
  };
  const vector = field(1);
  const start = vector + view.getUint32(vector, true) + 4;
  const end = start + view.getUint32(start - 4, true);
  if (end > bytes.length) throw new Malformed("a packet that ends too early");
  return { header, bits: bytes.subarray(start, end) };
}

/** The groups up to the end, each told from the one before. */
function readGroups(bytes: Bytes): GroupPart[] {
  const groups: GroupPart[] = [];
  let group = -1;
  let base = 0;
  while (!bytes.isAtEnd) {
    const lead = bytes.byte();
    group = (lead & FAR) === FAR ? bytes.half() : group + (lead & FAR) + 1;
    if (group >= NO_GROUP) throw new Malformed("a group's number is beyond the last");
    const age = lead & HAS_AGE ? bytes.byte() : 0;
    if (age === CLOSING) {
      groups.push({ group, age: 0, version: 0, base: 0, before: 0, isClosing: true, share: NOTHING });
      continue;
    }
    const version = bytes.byte();
    if (lead & HAS_BASE) base = bytes.byte();
    groups.push({ group, age, version, base: base & 63, before: base >> 6, isClosing: false, share: bytes.told() });
  }
  return groups;
}
