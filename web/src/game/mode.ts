/** How a match is shown and played: what its rules say of it in `client`, and else what its name tells. */

import type { Look } from "../view/bodies";
import type { Joined } from "../net/messages";

export type Controls = "shooter" | "car" | "commander" | "none";

export interface ModeView {
  controls: Controls;
  /** Metres a second that a full stick is. */
  speed: number;
  /** Metres that the shorter side of the page shows. */
  metres: number;
  /** What a unit costs, where units can be bought. */
  unitCost: number;
  /** How far a commander's units see, in metres; 0 is everywhere. */
  sight: number;
  help: string;
  helpTouch: string;
  formOf(kind: number): Look["form"];
}

const HELP: Record<Controls, [string, string]> = {
  shooter: ["WASD to move, mouse to aim, click or space to shoot", "left thumb moves, right thumb aims and shoots"],
  car: ["WASD to drive", "a thumb drives"],
  commander: [
    "drag to select, right click to send or attack, WASD to look",
    "drag to select, tap to send or attack, two fingers to look",
  ],
  none: ["", ""],
};

const BY_NAME: Record<string, Controls> = { arena: "shooter", race: "car", skirmish: "commander", relay_room: "none" };
const FORMS = new Set<Look["form"]>(["fighter", "car", "unit", "base", "resource", "thing"]);
const METRES: Record<Controls, number> = { shooter: 26, car: 44, commander: 44, none: 40 };

export function viewOf({ mode, settings }: Joined): ModeView {
  const said = (typeof settings.client === "object" && settings.client !== null ? settings.client : {}) as Record<string, unknown>;
  const named = said.controls;
  const controls: Controls =
    typeof named === "string" && named in HELP ? (named as Controls) : (BY_NAME[mode] ?? "shooter");
  const kinds = new Map<number, Look["form"]>();
  for (const entry of Array.isArray(said.kinds) ? said.kinds.slice(0, 64) : []) {
    const { kind, form, name } = (entry ?? {}) as Record<string, unknown>;
    const wanted = [form, name].find((one) => FORMS.has(one as Look["form"]));
    if (typeof kind === "number" && wanted !== undefined) kinds.set(kind, wanted as Look["form"]);
  }
  const usual: Look["form"] = controls === "car" ? "car" : controls === "commander" ? "unit" : "fighter";
  const number = (value: unknown, usual: number, low: number, high: number): number =>
    typeof value === "number" && value >= low && value <= high ? value : usual;
  return {
    controls,
    speed: number(said.speed, 6, 0.1, 200),
    metres: number(said.metres, METRES[controls], 8, 400),
    unitCost: number(said.unit_cost, 0, 0, 1_000_000),
    sight: number(said.sight, 0, 0, 4_000),
    help: HELP[controls][0],
    helpTouch: HELP[controls][1],
    formOf: (kind) => kinds.get(kind) ?? usual,
  };
}
