// Goal: what rules and players say is shown as far as it is what it should be, and nothing that is said breaks the page. Method: the
// messages of the shipped modes, and values of every wrong kind.

import { describe, expect, it } from "vitest";

import { Roster } from "../src/game/roster";
import type { ShownEntity } from "../src/sync/client";

const entity = (more: Partial<ShownEntity>): ShownEntity => ({
  id: 1, x: 0, y: 0, heading: 0, health: 1, healthMax: 1, state: 0, target: 0, flags: 0, kind: 1, team: 1, owner: 0, shape: 0,
  halfX: 1, halfY: 1, attributes: [], isPredicted: false, ...more,
});

describe("messages", () => {
  it("of the arena make seats and a score", () => {
    const roster = new Roster();
    const fighters = [{ seat: 1, name: "Ada", team: 1, player: 3 }, { seat: 2, name: "Bell (bot)", team: 2, player: 0 }];
    roster.handle({ type: "roster", fighters, score: [1, 2], to_win: 30, ends_at: 600 }, 0);
    roster.handle({ type: "kill", by: 1, seat: 2, score: [2, 2] }, 5);
    expect(roster.seatOf(3)).toMatchObject({ seat: 1, name: "Ada", kills: 1, deaths: 0 });
    expect(roster.seats.get(2)).toMatchObject({ kills: 0, deaths: 1 });
    expect([roster.score, roster.toWin, roster.endsAt]).toEqual([[2, 2], 30, 600]);
    expect(roster.recent(6).map(({ text }) => text)).toEqual(["Ada ⟶ Bell (bot)"]);
    roster.handle({ type: "over", winner: 1, score: [3, 2] }, 7);
    expect(roster.over).toEqual({ winner: 1, order: [] });
  });

  it("turn no text round and are not endless", () => {
    const roster = new Roster();
    roster.handle({ type: "said", name: "a\u202eb\u0000", text: "x".repeat(10_000) }, 0);
    expect(roster.chat[0].name).toBe("a b ");
    expect(roster.chat[0].text.length).toBeLessThanOrEqual(160);
    for (let line = 0; line < 500; line++) roster.handle({ type: "said", name: "a", text: `${line}` }, line);
    expect(roster.chat.length).toBeLessThanOrEqual(60);
    expect(roster.recent(500).length).toBeLessThanOrEqual(6);
  });

  it("of every wrong kind change nothing that matters", () => {
    const wrong = [undefined, null, 5, "text", [], {}, { seat: {} }, Number.NaN, [[[]]], { name: { a: 1 } }];
    const types = ["roster", "score", "kill", "over", "race", "places", "go", "finished", "gold", "captured", "members", "said", "notice"];
    const roster = new Roster();
    for (const type of types) {
      for (const value of wrong) {
        const fields = { fighters: value, members: value, places: value, score: value, by: value, seat: value, name: value, text: value };
        roster.handle({ type, ...fields, order: value, winner: value, to_win: value, gold: value, from: value }, 0);
      }
    }
    for (const value of wrong) roster.handle(value, 0);
    for (const value of wrong) roster.meet([value, { number: 3, name: value }]);
    roster.meet([{ number: 7, name: "Ada" }]);
    expect(roster.nameOfPlayer(7)).toBe("Ada");
    roster.handle({ type: "roster", fighters: Array.from({ length: 5000 }, (_, seat) => ({ seat: seat + 1, name: "a" })) }, 0);
    expect(roster.seats.size).toBeLessThanOrEqual(256);
    expect(roster.recent(0).every(({ text }) => typeof text === "string")).toBe(true);
  });
});

describe("a replay", () => {
  it("names players by their numbers and counts what entities say", () => {
    const roster = new Roster();
    roster.beginReplay({ tick_first: 0, tick_last: 9, tick: 0, players: ["Ada", "Grace"], numbers: [2, 5] });
    const shown = [
      entity({ id: 1, team: 1, owner: 5, attributes: [1, 3] }),
      entity({ id: 2, team: 2, owner: 0, attributes: [2, 1] }),
    ];
    roster.readWorld(shown, ["seat", "kills"]);
    expect([...roster.seats.values()].map(({ name, kills }) => [name, kills])).toEqual([["Grace", 3], ["bot 2", 1]]);
    expect(roster.score).toEqual([3, 1]);
    // Who fell is still there.
    roster.readWorld([shown[1]], ["seat", "kills"]);
    expect(roster.score).toEqual([3, 1]);
    roster.beginReplay({ tick_first: 0, tick_last: 9, tick: 0, players: [] });
    expect([roster.seats.size, roster.nameOfPlayer(5)]).toEqual([0, ""]);
  });
});
