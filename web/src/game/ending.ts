/** How a match has ended, in words. */

import type { Roster } from "./roster";
import type { Joined } from "../net/messages";
import { foreign } from "../view/dom";

/** What the server said of the end. */
export interface Ending {
  reason: string;
  result: unknown;
}

const ORDER_MAX = 16;

/** A title, and what stands below it. */
export function wordsOf(ending: Ending, roster: Roster, joined: Joined | null): [string, string] {
  const over = roster.over ?? resultOf(ending.result);
  const order = over?.order.map((name, index) => `${index + 1}. ${name}`).join("   ") ?? "";
  const below = roster.score.length > 0 ? roster.score.join(" : ") : order || foreign(ending.reason);
  return [titleOf(over, roster, joined), below];
}

function titleOf(over: Roster["over"], roster: Roster, joined: Joined | null): string {
  if (over !== null && over.order.length > 0) return `${over.order[0]} has won`;
  const hasSides = roster.score.length > 0 || (joined?.settings.teams ?? 0) > 0;
  if (over === null || !hasSides) return "The match is over";
  if (over.winner === 0) return "Nobody has won";
  return over.winner === joined?.team ? "Your side has won" : `Side ${over.winner} has won`;
}

/** What the server says of the end, if rules did not. */
function resultOf(result: unknown): Roster["over"] {
  if (typeof result !== "object" || result === null) return null;
  const { winner, order } = result as Record<string, unknown>;
  const names = (Array.isArray(order) ? order.slice(0, ORDER_MAX) : []).map((name) => foreign(name, 32));
  return { winner: typeof winner === "number" ? winner : 0, order: names };
}
