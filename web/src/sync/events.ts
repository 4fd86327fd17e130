/** Events in packets: docs/WIRE.md, "Events". */

import { BitReader, Malformed } from "./bits";
import { EventKind } from "./generated/muster/event-kind";
import { type EntityId, METRE, type Position, SECTOR_SIDE, readId, readSector } from "./words";

export { EventKind };

export interface GameEvent {
  tick: number;
  kind: EventKind;
  /** 0 critical, 1 high, 2 normal, 3 low. */
  importance: number;
  /** Where, to a centimetre. */
  at: Position;
  subject: EntityId;
  object: EntityId;
  detail: number;
  value: number;
  count: number;
}

export interface Told {
  /** The number of an event that is told until it is acknowledged, from 1; 0 is one that may be missed. */
  sequence: number;
  event: GameEvent;
}

const EVENTS_MAX = 255;
const U32_MAX = 2 ** 32 - 1;

/** The importance of each kind unless it says another, in the order of the schema. */
const IMPORTANCE = [1, 0, 0, 0, 3, 2, 2, 2, 1, 1, 1, 2, 2];

/** Reads the events of a packet of a tick. */
export function readEvents(bytes: Uint8Array, tick: number): Told[] {
  if (bytes.length === 0) return [];
  const reader = new BitReader(bytes);
  const entries: { sequence: number; length: number }[] = [];
  let last = 0;
  let bodies = 0;
  let bits = 0;
  // How many bits the list has, as it must be the whole of what is before the events.
  const code = (value: number, order: number): number =>
    2 * (31 - Math.clz32(Math.min(Math.floor(value / 2 ** order) + 1, U32_MAX))) + 1 + order;
  while (reader.bool()) {
    if (entries.length === EVENTS_MAX) throw new Malformed("too many events");
    const length = reader.unsigned(4, 255);
    bits += 2 + code(length, 4);
    let sequence = 0;
    if (reader.bool()) {
      const isFirst = last === 0;
      const told = isFirst ? reader.bits(32) : reader.unsigned(0, U32_MAX);
      sequence = isFirst ? told : last + told + 1;
      bits += isFirst ? 32 : code(told, 0);
      if (sequence === 0 || sequence > U32_MAX) throw new Malformed("the numbers of the events do not grow");
      last = sequence;
    }
    entries.push({ sequence, length });
    bodies += length;
  }
  bits += 1;
  const head = Math.ceil(bits / 8);
  if (head + bodies !== bytes.length) throw new Malformed("the lengths of the events are not that of their bytes");
  if ((bits & 7) !== 0 && bytes[head - 1] >> (bits & 7) !== 0) throw new Malformed("there are bits behind the list");
  let at = head;
  return entries.map(({ sequence, length }) => {
    const event = readEvent(bytes.subarray(at, at + length), tick);
    at += length;
    return { sequence, event };
  });
}

function readEvent(bytes: Uint8Array, tick: number): GameEvent {
  const reader = new BitReader(bytes);
  const cut = reader.bits(16);
  const age = (((tick - cut) % 65_536) + 65_536) % 65_536;
  if (age > tick) throw new Malformed("an event from before the first tick");
  const kind = reader.bits(4);
  if (kind >= IMPORTANCE.length) throw new Malformed("an event of no kind");
  const importance = reader.bool() ? reader.bits(2) : IMPORTANCE[kind];
  const [sectorX, sectorY] = readSector(reader);
  const place = (): number => {
    const at = Math.floor((reader.bits(17) * METRE + METRE / 2) / 100);
    if (at >= SECTOR_SIDE) throw new Malformed("a place outside of its sector");
    return at;
  };
  const x = place();
  const y = place();
  const subject = readId(reader);
  const object = readId(reader);
  const detail = reader.unsigned(3, U32_MAX);
  // A value of a mode of its own may have more bits than a number here; it is near enough for what is shown.
  const value = Number(reader.wideSigned(4));
  const count = reader.unsigned(0, U32_MAX - 1) + 1;
  reader.finish();
  return { tick: tick - age, kind, importance, at: { sectorX, sectorY, x, y }, subject, object, detail, value, count };
}
