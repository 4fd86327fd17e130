/** From a share to the state of a group: docs/WIRE.md, "Shares". */

import { aimOf, companyOf } from "./aim";
import { Malformed } from "./bits";
import * as models from "./generated/models_generated";
import { Axes, Movement, Times, poseBefore, poseOf } from "./movement";
import { RangeDecoder, unfold } from "./range";
import { GROUP, type GroupState, type Identity, type Layout, sideOf } from "./state";
import { type EntityId, NOBODY, SECTORS_MAX, anyId, entityId, slotOf } from "./words";

/** The states that a share is told from. */
export interface Known {
  base: GroupState;
  baseUpdate: number;
  before: GroupState | null;
  beforeUpdate: number;
}

/** What the places of a share that came first say about the next. */
interface Memory {
  /** The movement of the place before, and what had changed of it. */
  movement: Movement | null;
  changed: number;
  /** The last change of anyone's health, without a sign. */
  health: number | null;
  target: EntityId;
  present: number;
}

/**
 * Fills `out` with the state that a share gives, and returns what a whole state says of its group. Throws `Malformed`; what
 * is in `out` then means nothing.
 */
export function decodeShare(
  share: Uint8Array,
  update: number,
  known: Known | null,
  layout: Layout,
  out: GroupState,
): Identity | null {
  if (share.length === 0) throw new Malformed("a share without bytes");
  const coder = new RangeDecoder(share);
  let identity: Identity | null = null;
  if (known === null) {
    identity = readIdentity(coder, layout);
    const came = readCame(coder, 1, 0xffff_ffff);
    out.present = came;
    out.destroyed = 0;
    readEntities(coder, out, 0, came, identity.update, null, layout);
  } else {
    readChanges(coder, out, update, known, layout);
  }
  coder.finish();
  return identity;
}

function readIdentity(coder: RangeDecoder, layout: Layout): Identity {
  const sector = (): number => {
    const low = coder.number(models.SECTOR, 0);
    const high = coder.number(models.SECTOR, 0);
    const folded = BigInt(low) | (BigInt(high) << 32n);
    const value = folded & 1n ? -(folded >> 1n) - 1n : folded >> 1n;
    if (value > BigInt(SECTORS_MAX) || value < -BigInt(SECTORS_MAX)) throw new Malformed("a sector too far away");
    return Number(value);
  };
  const sectorX = sector();
  const sectorY = sector();
  const columns = (65_535_999 >> layout.cellShift) + 1;
  const x = coder.plain(8);
  const y = coder.plain(8);
  const scope = coder.plain(2);
  const low = coder.plain(16);
  const update = low + coder.plain(16) * 65_536;
  if (x >= columns || y >= columns) throw new Malformed("a cell that its sector does not have");
  if (scope > 2) throw new Malformed("a scope that there is not");
  return { cell: { sectorX, sectorY, x, y }, scope, update };
}

/** Which of the places that are free have somebody new. */
function readCame(coder: RangeDecoder, kind: number, free: number): number {
  let told = 0;
  let context = 2 * kind;
  for (let place = 0; place < GROUP; place++) {
    if (((free >>> place) & 1) === 0) continue;
    const isNew = coder.flag(models.CAME, context);
    context = 2 * kind + (isNew ? 1 : 0);
    if (isNew) told |= 1 << place;
  }
  return told >>> 0;
}

function readChanges(coder: RangeDecoder, out: GroupState, update: number, known: Known, layout: Layout): void {
  const base = known.base.present;
  let stay = base;
  let destroyed = 0;
  let came = 0;
  if (!coder.flag(models.SAME, 0)) {
    stay = 0;
    for (let place = 0; place < GROUP; place++) {
      if (((base >>> place) & 1) === 0) continue;
      if (!coder.flag(models.LEFT, 0)) stay |= 1 << place;
      else if (coder.flag(models.DESTROYED, 0)) destroyed |= 1 << place;
    }
    came = readCame(coder, 0, ~stay >>> 0);
  }
  out.present = (stay | came) >>> 0;
  out.destroyed = destroyed >>> 0;
  for (let place = 0; place < GROUP; place++) {
    if ((stay >>> place) & 1) out.id[place] = known.base.id[place];
  }
  readEntities(coder, out, stay, came, update, known, layout);
}

function readEntities(
  coder: RangeDecoder,
  out: GroupState,
  stay: number,
  came: number,
  update: number,
  known: Known | null,
  layout: Layout,
): void {
  let from: EntityId = NOBODY;
  for (let place = 0; place < GROUP; place++) {
    if (((came >>> place) & 1) === 0) continue;
    const slot = coder.difference(models.SLOT, from === NOBODY ? 1 : 0, slotOf(from));
    from = entityId(slot, coder.number(models.GENERATION, 0));
    out.id[place] = from;
  }
  const memory: Memory = { movement: null, changed: 0, health: null, target: NOBODY, present: out.present };
  let like: { state: GroupState; place: number } | null = null;
  if (known !== null) {
    const times = new Times(update, known.baseUpdate, known.before === null ? null : known.beforeUpdate);
    for (let place = 0; place < GROUP; place++) {
      if ((stay >>> place) & 1) readChange(coder, out, place, known, times, layout, memory);
    }
    const first = 31 - Math.clz32(known.base.present & -known.base.present);
    if (known.base.present !== 0) like = { state: known.base, place: first };
  }
  for (let place = 0; place < GROUP; place++) {
    if (((came >>> place) & 1) === 0) continue;
    readWhole(coder, out, place, like, layout, memory);
    like = { state: out, place };
  }
}

/** What changed of one who stays. */
function readChange(
  coder: RangeDecoder,
  out: GroupState,
  place: number,
  known: Known,
  times: Times,
  layout: Layout,
  memory: Memory,
): void {
  const { base } = known;
  const side = sideOf(layout.cellShift);
  const before = times.gap > 0 ? known.before : null;
  const movement = new Movement(poseOf(base, place), poseBefore(base, before, place), times, memory.movement);
  memory.movement = movement;
  const aim = aimOf(base, before, times, place, movement);
  copyPlace(base, place, out, place);
  for (let number = 0; number < layout.attributes; number++) {
    out.attributes[number][place] = base.attributes[number][place];
  }
  const gait = movement.gait * 3 + companyOf(aim);
  const contextOfChange = (gait * 8 + movement.turnClass) * 3 + memory.changed;
  const changed = coder.symbol(models.CHANGED, contextOfChange * 4 + times.class);
  memory.changed = Math.min(changed & 3, 2);

  let { heading } = aim;
  let turn = 0;
  if (changed & 2) {
    const context = ((movement.gait * 8 + aim.class) * 8 + movement.turnClass) * 4 + times.class;
    turn = movement.signTurn * coder.residual(models.HEADING, context);
    heading = (heading + turn) & 0xff;
  }
  out.heading[place] = heading;
  let [x, y] = movement.position(heading, side);
  if (changed & 1) {
    const axes = new Axes(x - base.x[place], y - base.y[place]);
    const turned = (turn === 0 ? 0 : Math.abs(turn) <= 6 ? 2 : 4) + (axes.isDiagonal ? 1 : 0);
    const ahead = coder.residual(models.AHEAD, (gait * 6 + turned) * 4 + times.class);
    const steady = (movement.isAlike ? 2 : 0) + (times.class === 0 ? 1 : 0);
    const context = (movement.gait * 4 + steady) * 6 + turned;
    const aside = coder.residual(models.ASIDE, context * 11 + sizeClass(ahead));
    const [right, up] = axes.along(ahead, aside);
    x += right;
    y += up;
    mustBeInside(x, y, side);
  }
  out.x[place] = x;
  out.y[place] = y;
  if (changed & 4) out.health[place] = readHealth(coder, base.health[place], memory);
  if (changed & 8) {
    const others = coder.symbol(models.OTHER, (changed >> 2) & 1);
    if (others & 1) out.state[place] = readState(coder, base.state[place]);
    if (others & 2) out.target[place] = readTarget(coder, out, place, base.target[place] === NOBODY ? 1 : 0, memory);
    if (others & 4) out.flags[place] = readFlags(coder, base.flags[place]);
    if (others & 8) {
      readRest(coder, out, place);
      let context = 0;
      for (let number = 0; number < layout.attributes; number++) {
        const old = base.attributes[number][place];
        const value = readAttribute(coder, context, 0, old);
        context = value === old ? 0 : 1;
        out.attributes[number][place] = value;
      }
    }
  }
}

/** All of one who came, told from `like` where it is the same. */
function readWhole(
  coder: RangeDecoder,
  out: GroupState,
  place: number,
  like: { state: GroupState; place: number } | null,
  layout: Layout,
  memory: Memory,
): void {
  const side = sideOf(layout.cellShift);
  if (like === null) clearPlace(out, place);
  else copyPlace(like.state, like.place, out, place);
  const bits = 32 - Math.clz32(side - 1);
  const x = coder.plain(bits);
  const y = coder.plain(bits);
  mustBeInside(x, y, side);
  out.x[place] = x;
  out.y[place] = y;
  out.heading[place] = coder.plain(8);
  const more = coder.symbol(models.WHOLE_MORE, 0);
  if (more & 1) readRest(coder, out, place);
  out.health[place] = out.healthMax[place];
  if (more & 2) out.health[place] = readHealth(coder, out.healthMax[place], memory);
  if (more & 4) out.state[place] = readState(coder, out.state[place]);
  if (more & 8) out.flags[place] = readFlags(coder, out.flags[place]);
  out.target[place] = readTarget(coder, out, place, 2, memory);
  for (let number = 0; number < layout.attributes; number++) {
    out.attributes[number][place] = readAttribute(coder, 2, 1, 0);
  }
}

function mustBeInside(x: number, y: number, side: number): void {
  if (x < 0 || y < 0 || x >= side || y >= side) throw new Malformed("a place outside of its cell");
}

/** All but the id and the attributes. */
function copyPlace(from: GroupState, at: number, out: GroupState, place: number): void {
  out.x[place] = from.x[at];
  out.y[place] = from.y[at];
  out.heading[place] = from.heading[at];
  out.health[place] = from.health[at];
  out.healthMax[place] = from.healthMax[at];
  out.state[place] = from.state[at];
  out.target[place] = from.target[at];
  out.flags[place] = from.flags[at];
  out.kind[place] = from.kind[at];
  out.team[place] = from.team[at];
  out.owner[place] = from.owner[at];
  out.shape[place] = from.shape[at];
  out.halfX[place] = from.halfX[at];
  out.halfY[place] = from.halfY[at];
}

function clearPlace(out: GroupState, place: number): void {
  for (const column of [out.x, out.y, out.heading, out.health, out.healthMax, out.state, out.flags, out.kind]) {
    column[place] = 0;
  }
  for (const column of [out.team, out.owner, out.shape, out.halfX, out.halfY]) column[place] = 0;
  out.target[place] = NOBODY;
}

function sizeClass(residual: number): number {
  const amount = Math.abs(residual);
  const size = amount <= 1 ? amount : amount <= 3 ? 2 : amount <= 8 ? 3 : amount <= 20 ? 4 : 5;
  return residual < 0 ? size + 5 : size;
}

function readHealth(coder: RangeDecoder, old: number, memory: Memory): number {
  const symbol = coder.symbol(models.HEALTH, memory.health === null ? 0 : 1);
  let told: number;
  if (symbol === 0) told = memory.health ?? 0;
  else if (symbol <= 2) told = unfold(symbol - 1);
  else told = unfold(coder.belowHighest(symbol - 1));
  memory.health = told;
  return (old + told) | 0;
}

function readState(coder: RangeDecoder, old: number): number {
  const symbol = coder.symbol(models.STATE, Math.min(old, 15));
  return symbol < 15 ? symbol : coder.plain(16);
}

function readTarget(coder: RangeDecoder, out: GroupState, place: number, context: number, memory: Memory): EntityId {
  const how = coder.symbol(models.TARGET, context);
  if (how === 0) return NOBODY;
  if (how === 2) {
    const member = coder.plain(5);
    if (((memory.present >>> member) & 1) === 0) throw new Malformed("a target that the group does not have");
    memory.target = out.id[member];
  } else if (how === 3) {
    const slot = coder.difference(models.TARGET_SLOT, 0, slotOf(out.id[place]));
    memory.target = anyId(slot, coder.number(models.TARGET_GENERATION, 0));
  }
  return memory.target;
}

function readFlags(coder: RangeDecoder, old: number): number {
  const how = coder.symbol(models.FLAGS, 0);
  let toggled: number;
  if (how === 0) toggled = 1 << coder.plain(5);
  else if (how === 1) toggled = (1 << coder.plain(5)) | (1 << coder.plain(5));
  else {
    const low = coder.plain(16);
    toggled = (coder.plain(16) << 16) | low;
  }
  return (old ^ toggled) >>> 0;
}

/** What hardly ever changes, in place of what is there. */
function readRest(coder: RangeDecoder, out: GroupState, place: number): void {
  const value = (context: number, old: number): number =>
    coder.flag(models.RARE, context) ? coder.difference(models.RARE_VALUE, context, old) : old;
  out.kind[place] = value(0, out.kind[place]);
  out.team[place] = value(1, out.team[place]);
  out.owner[place] = value(2, out.owner[place]);
  out.healthMax[place] = value(3, out.healthMax[place] >>> 0) | 0;
  out.halfX[place] = value(4, out.halfX[place]);
  const height = value(5, out.halfY[place] * 2 + (out.shape[place] & 1));
  out.halfY[place] = height >>> 1;
  out.shape[place] = height & 1;
}

function readAttribute(coder: RangeDecoder, flag: number, context: number, old: number): number {
  return coder.flag(models.ATTRIBUTE_CHANGED, flag) ? coder.difference(models.ATTRIBUTE, context, old >>> 0) | 0 : old;
}
