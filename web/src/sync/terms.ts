/** The terms of a session: docs/WIRE.md, "A session". */

import { Builder, ByteBuffer } from "flatbuffers";

import { Malformed } from "./bits";
import { MODELS_HASH } from "./generated/models_generated";
import { Hello } from "./generated/muster/hello";
import { Welcome as Message } from "./generated/muster/welcome";
import { SCHEMA_HASH } from "./generated/schema_hash";

/** The version of the sync protocol. */
export const VERSION = 2;

export interface Weapon {
  damage: number;
  range: number;
  reloadTicks: number;
  projectileSpeed: number;
  projectileRadius: number;
  /** Whether its shots are told as events `Fired`. */
  isTracer: boolean;
}

/** What a welcome says, as far as a viewer needs it. */
export interface Welcome {
  session: number;
  /** 0 is a spectator. */
  player: number;
  cellShift: number;
  history: number;
  updateTicks: number;
  packetMax: number;
  /** Names, in the order that packets have their values in. */
  publicAttributes: string[];
  ownerAttributes: string[];
  tick: number;
  rateHz: number;
  speedMax: number;
  weapons: Weapon[];
  mapHash: bigint;
}

export function writeHello(): Uint8Array<ArrayBuffer> {
  const builder = new Builder(64);
  Hello.finishHelloBuffer(builder, Hello.createHello(builder, VERSION, MODELS_HASH, SCHEMA_HASH));
  return Uint8Array.from(builder.asUint8Array());
}

const ATTRIBUTES_MAX = 64;
const WEAPONS_MAX = 255;

/** Reads a welcome, or throws `Malformed`. */
export function readWelcome(bytes: Uint8Array): Welcome {
  const buffer = new ByteBuffer(bytes);
  if (bytes.length < 8 || !Message.bufferHasIdentifier(buffer)) throw new Malformed("no welcome");
  const message = Message.getRootAsWelcome(buffer);
  if (message.version() !== VERSION) throw new Malformed(`the server speaks version ${message.version()} of the protocol`);
  if (message.modelsHash() !== MODELS_HASH) throw new Malformed("the server codes with other models: reload the page");
  const config = message.config();
  if (config === null) throw new Malformed("a welcome without a configuration");
  const inRange = (value: number, low: number, high: number, name: string): number => {
    if (!Number.isInteger(value) || value < low || value > high) throw new Malformed(`${name} has a value that it cannot have`);
    return value;
  };
  const declared = inRange(config.attributesLength(), 0, ATTRIBUTES_MAX, "attributes");
  const names = (length: number, number: (index: number) => number | null): string[] => {
    inRange(length, 0, ATTRIBUTES_MAX, "attributes");
    return Array.from({ length }, (_, index) => {
      const at = inRange(number(index) ?? -1, 0, declared - 1, "attributes");
      return config.attributes(at) ?? "";
    });
  };
  const weapons = Array.from({ length: inRange(config.weaponsLength(), 0, WEAPONS_MAX, "weapons") }, (_, index) => {
    const weapon = config.weapons(index);
    if (weapon === null) throw new Malformed("a welcome that ends too early");
    return {
      damage: weapon.damage(),
      range: weapon.range(),
      reloadTicks: weapon.reloadTicks(),
      projectileSpeed: weapon.projectileSpeed(),
      projectileRadius: weapon.projectileRadius(),
      isTracer: config.weaponsTracer(index) ?? false,
    };
  });
  return {
    session: message.session(),
    player: message.player(),
    cellShift: inRange(message.cellShift(), 20, 24, "cell_shift"),
    history: inRange(message.history(), 4, 63, "history"),
    updateTicks: inRange(message.updateTicks(), 1, 240, "update_ticks"),
    packetMax: inRange(message.packetMax(), 512, 16_384, "packet_max"),
    publicAttributes: names(message.publicAttributesLength(), (index) => message.publicAttributes(index)),
    ownerAttributes: names(message.ownerAttributesLength(), (index) => message.ownerAttributes(index)),
    // Ticks are exact as numbers for some million years.
    tick: inRange(Number(message.tick()), 0, 2 ** 52, "tick"),
    rateHz: inRange(config.tickRateHz(), 1, 240, "tick_rate_hz"),
    speedMax: inRange(config.speedMax(), 0, 2 ** 31, "speed_max"),
    weapons,
    mapHash: message.mapHash(),
  };
}
