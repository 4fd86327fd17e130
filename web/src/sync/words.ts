/** Words that several parts of packets and reports have: ids and places. */

import { BitReader, BitWriter, Malformed } from "./bits";

/**
 * An entity's id: its slot in the lower 32 bits, its generation in the upper ones. As a number it is exact for the first two
 * million lives of a slot, which at sixty a second are nine hours of one slot's; an id beyond is refused, not rounded.
 */
export type EntityId = number;

export const NOBODY: EntityId = 0;
const GENERATIONS = 2 ** 21;
const SLOTS = 2 ** 32;

/** A place: the sector's column and row, and units of 2^-16 m in it. */
export interface Position {
  sectorX: number;
  sectorY: number;
  x: number;
  y: number;
}

/** The side of a sector: 1 km. */
export const METRE = 65_536;
export const SECTOR_SIDE = 1000 * METRE;
/** Sectors further out than this are no numbers that a place can be counted in exactly. */
export const SECTORS_MAX = 2 ** 26;

export function entityId(slot: number, generation: number): EntityId {
  if (slot === 0) throw new Malformed("the id of no entity");
  return anyId(slot, generation);
}

/** An id that may be null. */
export function anyId(slot: number, generation: number): EntityId {
  if (generation >= GENERATIONS) throw new Malformed("an id of more lives than a slot has here");
  return generation * SLOTS + slot;
}

export const slotOf = (id: EntityId): number => id % SLOTS;
export const generationOf = (id: EntityId): number => Math.floor(id / SLOTS);

export function readId(reader: BitReader): EntityId {
  if (!reader.bool()) return NOBODY;
  const slot = reader.unsigned(10, SLOTS - 1);
  return entityId(slot, reader.unsigned(0, SLOTS - 1));
}

export function pushId(writer: BitWriter, id: EntityId): void {
  writer.bool(id !== NOBODY);
  if (id === NOBODY) return;
  writer.unsigned(slotOf(id), 10);
  writer.unsigned(generationOf(id), 0);
}

export function readSector(reader: BitReader): [number, number] {
  const x = reader.signed(0, SECTORS_MAX);
  return [x, reader.signed(0, SECTORS_MAX)];
}

export function readPosition(reader: BitReader): Position {
  const [sectorX, sectorY] = readSector(reader);
  const part = (): number => {
    const value = reader.bits(26);
    if (value >= SECTOR_SIDE) throw new Malformed("a place outside of its sector");
    return value;
  };
  const x = part();
  return { sectorX, sectorY, x, y: part() };
}

/** A place in units from the corner of sector 0, 0. */
export const across = (at: Position): number => at.sectorX * SECTOR_SIDE + at.x;
export const upwards = (at: Position): number => at.sectorY * SECTOR_SIDE + at.y;

/** Whether an update comes after another; they are counted in 32 bits. */
export const isAfter = (update: number, other: number): boolean => ((update - other) | 0) > 0;

/** The count nearest to `near` whose low `bits` are those of `cut`. */
export function whole(cut: number, near: number, bits = 32): number {
  const size = 2 ** bits;
  const step = (((cut - near) % size) + size) % size;
  return near + (step >= size / 2 ? step - size : step);
}
