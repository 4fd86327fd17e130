// Goal: who walks along walls goes here as in the core. Method: a walk of the core among boxes, corners and slanted walls, of which
// the rehearsal is told the beginning alone, and then the commands; every tick's place and speed are compared.

import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

import type { Predicted } from "../src/sync/own";
import { Prediction } from "../src/sync/predict";
import { type MapDocument, wallsOf } from "../src/sync/walls";
import { METRE, SECTOR_SIDE } from "../src/sync/words";

type Place = [number, number, number, number];

interface Walk {
  map: MapDocument;
  rate: number;
  speed: number;
  half: number;
  acceleration: number;
  begins: Place;
  steps: [[number, number] | null, Place][];
}

const walk = JSON.parse(readFileSync(new URL("vectors/walk.json", import.meta.url), "utf8")) as Walk;
const ID = 5;

function stateOf([x, y, velocityX, velocityY]: Place): Predicted {
  const sector = (at: number): number => Math.floor(at / SECTOR_SIDE);
  const [sectorX, sectorY] = [sector(x), sector(y)];
  return {
    id: ID,
    position: { sectorX, sectorY, x: x - sectorX * SECTOR_SIDE, y: y - sectorY * SECTOR_SIDE },
    velocityX, velocityY, heading: 0, order: 0, goalX: 0, goalY: 0, target: 0, readyTick: 0,
    traits: {
      shape: 0, halfX: walk.half, halfY: 0, mass: 80_000, restitution: 0, layers: 1, collides: 1, speedMax: walk.speed,
      accelerationMax: walk.acceleration, team: 0, owner: 1, flags: 0, weapon: 0, bot: 0,
    },
  };
}

function begin(): Prediction {
  const options = { rateHz: walk.rate, speedMax: 60 * METRE, smoothUs: 100_000, snap: 4 * METRE };
  const prediction = new Prediction(options, wallsOf(walk.map));
  prediction.handleState(stateOf(walk.begins), 0, 1, []);
  return prediction;
}

const inputOf = (tick: number, told: [number, number] | null) =>
  told && { tick, commands: [{ entity: ID, action: { kind: "velocity" as const, x: told[0], y: told[1] } }] };

it("goes where the core goes", () => {
  const prediction = begin();
  let farthest = 0;
  let stopped = 0;
  walk.steps.forEach(([told, [x, y, velocityX, velocityY]], tick) => {
    prediction.advance(inputOf(tick, told));
    const shown = prediction.shown(tick + 2);
    if (shown === null) throw new Error(`nothing is rehearsed at tick ${tick}`);
    farthest = Math.max(farthest, Math.hypot(shown.x - x, shown.y - y) / METRE);
    expect(Math.hypot(shown.velocityX - velocityX, shown.velocityY - velocityY) / METRE, `tick ${tick}`).toBeLessThan(0.1);
    if (Math.hypot(velocityX, velocityY) < walk.speed / 2) stopped++;
  });
  // It met walls, or it says nothing.
  expect(stopped).toBeGreaterThan(100);
  expect(farthest).toBeLessThan(0.02);
});

it("is put right seldom by what the server says", () => {
  const prediction = begin();
  walk.steps.forEach(([told, place], tick) => {
    prediction.advance(inputOf(tick, told));
    prediction.handleState({ ...stateOf(place), order: 1 }, tick + 1, tick + 2, []);
  });
  expect(prediction.corrections).toBe(0);
});

it("does not go faster than the server lets it", () => {
  const prediction = begin();
  prediction.advance(inputOf(0, [walk.speed, 1]));
  const shown = prediction.shown(2);
  expect([shown?.velocityX, shown?.velocityY]).toEqual([0, 0]);
});
