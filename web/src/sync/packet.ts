/** Packets as datagrams have them: docs/WIRE.md, "Packets". */

import { Malformed } from "./bits";

export interface PacketHeader {
  session: number;
  sequence: number;
  update: number;
  tick: number;
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
const GROUP_HEADER = 6;

/** Reads a packet, checking every offset in it. */
export function readPacket(bytes: Uint8Array): Packet {
  try {
    return parse(bytes);
  } catch (error) {
    // Every access beyond the bytes is one of these.
    if (error instanceof RangeError) throw new Malformed("a packet that ends too early");
    throw error;
  }
}

function parse(bytes: Uint8Array): Packet {
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
  const vector = (number: number, unit: number): [number, number] => {
    const at = field(number);
    const start = at + view.getUint32(at, true);
    const length = view.getUint32(start, true);
    if (start + 4 + length * unit > bytes.length) throw new Malformed("a packet that ends too early");
    return [start + 4, length];
  };
  const at = field(0);
  const header: PacketHeader = {
    session: view.getUint32(at, true),
    sequence: view.getUint32(at + 4, true),
    update: view.getUint32(at + 8, true),
    tick: view.getUint32(at + 12, true),
    heard: view.getUint32(at + 16, true),
    held: view.getUint16(at + 20, true),
    parts: view.getUint8(at + 26),
    part: view.getUint8(at + 27),
  };
  if (header.part >= header.parts) throw new Malformed("a part that its update does not have");
  const [groupsAt, count] = vector(1, GROUP_HEADER);
  const [bitsAt, length] = vector(2, 1);
  let next = bitsAt;
  const take = (size: number): Uint8Array => {
    const part = bytes.subarray(next, next + size);
    next += size;
    return part;
  };
  const own = take(view.getUint16(at + 22, true));
  const events = take(view.getUint16(at + 24, true));
  const groups: GroupPart[] = [];
  for (let index = 0; index < count; index++) {
    const head = groupsAt + index * GROUP_HEADER;
    const lengthAge = view.getUint16(head + 2, true);
    const base = view.getUint8(head + 5);
    groups.push({
      group: view.getUint16(head, true),
      age: lengthAge >> 11,
      version: view.getUint8(head + 4),
      base: base & 63,
      before: base >> 6,
      isClosing: lengthAge === 0,
      share: take(lengthAge & 0x7ff),
    });
  }
  if (next !== bitsAt + length) throw new Malformed("the lengths of a packet's parts are not that of its bits");
  return { header, own, events, groups };
}
