/** Whom an entity has as a target, and where it is expected to look for it: docs/WIRE.md, "Who stays". */

import { exactAngleOf } from "./angle";
import { type Movement, type Times, advanceFrom, poseBefore, poseOf } from "./movement";
import { GROUP, type GroupState } from "./state";
import { NOBODY } from "./words";

/** The aim, and the heading that is expected with it. */
export interface Aim {
  class: number;
  heading: number;
}

const NO_TARGET = 0;
const ELSEWHERE = 1;
const FACING = 2;
const TURNING_AWAY = 6;
const ALIKE = 7;

/** Of the entity in a place of the base. */
export function aimOf(
  base: GroupState,
  before: GroupState | null,
  times: Times,
  place: number,
  movement: Movement,
): Aim {
  const heading = movement.heading();
  if (movement.isAlike) return { class: ALIKE, heading };
  const target = base.target[place];
  if (target === NOBODY) return { class: NO_TARGET, heading };
  let member = 0;
  while (member < GROUP && !(base.has(member) && base.id[member] === target)) member++;
  if (member === GROUP) return { class: ELSEWHERE, heading };
  const x = base.x[member] - base.x[place];
  const y = base.y[member] - base.y[place];
  const bearing = exactAngleOf(x, y);
  const off = ((bearing - base.heading[place] * 256) << 16) >> 16;
  const amount = Math.abs(off);
  if (amount > 1_024) {
    if (!movement.turnsTo(off)) return { class: TURNING_AWAY, heading };
    return { class: amount <= 3_072 ? 3 : amount <= 6_144 ? 4 : 5, heading };
  }
  const was = poseBefore(base, before, member);
  const goes = was === null ? [0, 0] : advanceFrom(poseOf(base, member), was, times);
  const own = movement.advance();
  const then = exactAngleOf(x + goes[0] - own[0], y + goes[1] - own[1]);
  const turn = ((then - bearing + 128) & 0xffff) >> 8;
  return { class: FACING, heading: (base.heading[place] + turn) & 0xff };
}

/** Nobody, somebody, or together with others. */
export const companyOf = (aim: Aim): number => (aim.class === NO_TARGET ? 0 : aim.class === ALIKE ? 2 : 1);
