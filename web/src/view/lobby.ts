/** The first page: a name, the modes, the matches that run. */

import * as api from "../net/api";
import { explain } from "../net/codes";
import { button, element, foreign, say } from "./dom";
import type { JoinRequest } from "../net/messages";
import { clock } from "./seekbar";

const NAME = "muster.name";
const REFRESH_MS = 3_000;
const MATCHES_MAX = 50;
const REPLAYS_MAX = 20;
/** Shorter ones are of nobody's interest. */
const REPLAY_SECONDS_MIN = 5;

const ABOUT: Record<string, string> = {
  arena: "Two teams shoot at each other from above",
  skirmish: "Groups of units, bases and resources",
  race: "Cars, checkpoints and laps",
  relay_room: "Messages between members",
};

export class Lobby {
  private readonly name = element("input");
  private readonly fault = element("p", "fault");
  private readonly modes = element("div", "cards");
  private readonly matches = element("div", "rows");
  private readonly replays = element("div", "rows");
  private readonly replaysTitle = element("h2", "", "Replays");
  private timer: ReturnType<typeof setInterval> | undefined;
  private isBusy = false;
  private isUnreachable = false;
  /** What the lists show: they are made anew only if it is something else, so that nobody's click is lost. */
  private readonly drawn = new Map<HTMLElement, string>();

  constructor(
    private readonly root: HTMLElement,
    private readonly play: (guest: api.Guest, request: JoinRequest) => void,
  ) {
    this.name.placeholder = "your name";
    this.name.maxLength = 24;
    this.name.setAttribute("autocomplete", "nickname");
    this.name.setAttribute("aria-label", "your name");
    this.name.value = localStorage.getItem(NAME) ?? "";
    this.name.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.enter({ mode: "arena" });
    });
    const form = element("div", "who", this.name, button("Play", () => this.enter({ mode: "arena" }), "play"));
    root.replaceChildren(
      element("h1", "", "Muster"),
      form,
      this.fault,
      element("h2", "", "Modes"),
      this.modes,
      element("h2", "", "Matches that run"),
      this.matches,
      this.replaysTitle,
      this.replays,
    );
  }

  show(reason = ""): void {
    this.root.hidden = false;
    this.isBusy = false;
    say(this.fault, foreign(reason, 300));
    void this.refresh();
    clearInterval(this.timer);
    this.timer = setInterval(() => void this.refresh(), REFRESH_MS);
  }

  hide(): void {
    this.root.hidden = true;
    clearInterval(this.timer);
  }

  private async refresh(): Promise<void> {
    try {
      const [modes, matches, replays] = await Promise.all([api.modes(), api.matches(), api.replays()]);
      this.showModes(modes);
      this.showMatches(matches);
      this.showReplays(replays);
      if (this.isUnreachable) say(this.fault, "");
      this.isUnreachable = false;
    } catch (error) {
      this.isUnreachable = true;
      say(this.fault, reasonOf(error));
    }
  }

  private isOther(target: HTMLElement, value: unknown): boolean {
    const key = JSON.stringify(value);
    if (this.drawn.get(target) === key) return false;
    this.drawn.set(target, key);
    return true;
  }

  private showModes(modes: readonly api.Mode[]): void {
    if (!this.isOther(this.modes, modes)) return;
    const cards = modes.map(({ name, version, error }) => {
      const card = button("", () => this.enter({ mode: name }), "card");
      card.dataset.mode = name;
      card.append(element("b", "", foreign(name, 40)), element("span", "", ABOUT[name] ?? `rules ${foreign(version ?? "", 16)}`));
      if (error !== null) card.append(element("em", "", foreign(`${error.file}:${error.line}: ${error.message}`, 200)));
      card.disabled = version === null;
      return card;
    });
    this.modes.replaceChildren(...cards);
  }

  private showMatches(matches: readonly api.MatchListing[]): void {
    if (!this.isOther(this.matches, matches)) return;
    const rows = matches.slice(0, MATCHES_MAX).map(({ match, mode, label, players, players_max, spectators, may_spectate }) => {
      const name = label === "" || label === mode ? foreign(mode, 40) : `${foreign(mode, 40)}: ${foreign(label, 60)}`;
      const about = `${players} of ${players_max}${spectators > 0 ? `, ${spectators} looking on` : ""}`;
      const row = element("div", "row", element("b", "", name), element("span", "", about));
      const join = button("Join", () => this.enter({ match }));
      join.disabled = players >= players_max;
      row.append(join);
      if (may_spectate) row.append(button("Watch", () => this.enter({ match, spectate: true })));
      return row;
    });
    this.matches.replaceChildren(...(rows.length > 0 ? rows : [element("p", "", "none yet: play, and there is one")]));
  }

  private showReplays(replays: readonly api.ReplayListing[]): void {
    const worth = replays.filter(({ ticks, tick_rate }) => ticks >= REPLAY_SECONDS_MIN * tick_rate).slice(0, REPLAYS_MAX);
    this.replaysTitle.hidden = worth.length === 0;
    if (!this.isOther(this.replays, worth)) return;
    const rows = worth.map(({ id, mode, players, ticks, tick_rate, ended }) => {
      const when = new Date(ended * 1000).toLocaleString([], { dateStyle: "short", timeStyle: "short" });
      const who = players.slice(0, 6).map((name) => foreign(name, 32)).join(", ");
      const about = [clock(ticks / Math.max(tick_rate, 1)), when, who].filter((part) => part !== "").join(", ");
      const row = element("div", "row replay", element("b", "", foreign(mode, 40)), element("span", "", about));
      row.append(button("Replay", () => this.enter({ replay: id })));
      return row;
    });
    this.replays.replaceChildren(...rows);
  }

  private enter(request: JoinRequest): void {
    if (this.isBusy) return;
    const name = this.name.value.trim() || `guest ${Math.floor(Math.random() * 900 + 100)}`;
    localStorage.setItem(NAME, this.name.value.trim());
    this.isBusy = true;
    say(this.fault, "");
    api
      .guest(name)
      .then((guest) => this.play(guest, request))
      .catch((error: unknown) => {
        this.isBusy = false;
        say(this.fault, reasonOf(error));
      });
  }
}

/** What to tell of a request that came to nothing. */
function reasonOf(error: unknown): string {
  if (error instanceof api.Refused) return foreign(explain(error.code, error.message), 300);
  return "The server cannot be reached. It is tried again.";
}
