/** A viewer's own part of a packet: docs/WIRE.md, "The own part". */

import { BitReader, Malformed } from "./bits";
import { type EntityId, NOBODY, type Position, readId, readPosition } from "./words";

/** An attribute that only an entity's owner sees. */
export interface OwnerValue {
  entity: EntityId;
  /** A place in the welcome's list. */
  attribute: number;
  value: number;
}

/** What decides how an entity moves and seldom changes. */
export interface Traits {
  shape: number;
  halfX: number;
  halfY: number;
  mass: number;
  restitution: number;
  layers: number;
  collides: number;
  speedMax: number;
  accelerationMax: number;
  team: number;
  owner: number;
  flags: number;
  weapon: number;
  bot: number;
}

/** The exact state of what a viewer predicts. */
export interface Predicted {
  id: EntityId;
  position: Position;
  velocityX: number;
  velocityY: number;
  heading: number;
  order: number;
  goalX: number;
  goalY: number;
  target: EntityId;
  readyTick: number;
  traits: Traits | null;
}

export interface Own {
  /** The number of the last input that was carried out or given up. */
  input: number;
  predicted: Predicted | null;
  values: OwnerValue[];
}

const VALUES_MAX = 128;
const I32 = 2 ** 31 - 1;
/** Goals are ways or speeds; a way that a world has is exact as a number. */
const GOAL_MAX = Number.MAX_SAFE_INTEGER - 1;
const MOVE_TO = 2;

export function readOwn(bytes: Uint8Array): Own {
  const reader = new BitReader(bytes);
  const input = reader.bits(32);
  const predicted = reader.bool() ? readPredicted(reader) : null;
  const values: OwnerValue[] = [];
  let last = NOBODY;
  while (reader.bool()) {
    if (values.length === VALUES_MAX) throw new Malformed("too many values of attributes");
    if (!reader.bool()) last = readId(reader);
    const attribute = reader.unsigned(2, 255);
    values.push({ entity: last, attribute, value: reader.signed(6, I32) });
  }
  reader.finish();
  return { input, predicted, values };
}

function readPredicted(reader: BitReader): Predicted {
  const id = readId(reader);
  const position = readPosition(reader);
  let velocityX = 0;
  let velocityY = 0;
  if (reader.bool()) {
    velocityX = reader.signed(16, I32);
    velocityY = reader.signed(16, I32);
  }
  const heading = reader.bits(16);
  const order = reader.bits(2);
  let goalX = 0;
  let goalY = 0;
  if (reader.bool()) {
    // From its place if it goes to one.
    goalX = reader.signed(18, GOAL_MAX) + (order === MOVE_TO ? position.x : 0);
    goalY = reader.signed(18, GOAL_MAX) + (order === MOVE_TO ? position.y : 0);
  }
  const target = readId(reader);
  const readyTick = reader.bool() ? reader.bits(32) : 0;
  const traits = reader.bool() ? readTraits(reader) : null;
  return { id, position, velocityX, velocityY, heading, order, goalX, goalY, target, readyTick, traits };
}

function readTraits(reader: BitReader): Traits {
  const shape = reader.bits(1);
  const halfX = reader.bits(16);
  const halfY = reader.bits(16);
  const mass = reader.unsigned(16, 2 ** 32 - 1);
  const restitution = reader.bits(8);
  const layers = reader.bits(16);
  const collides = reader.bits(16);
  const speedMax = reader.unsigned(16, I32);
  const accelerationMax = reader.unsigned(16, I32);
  const team = reader.unsigned(2, 65_535);
  const owner = reader.unsigned(8, 2 ** 32 - 1);
  const flags = reader.bits(32);
  const weapon = reader.bits(8);
  const bot = reader.unsigned(0, 65_535);
  return {
    shape, halfX, halfY, mass, restitution, layers, collides,
    speedMax, accelerationMax, team, owner, flags, weapon, bot,
  };
}
