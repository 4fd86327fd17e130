/** The first page: a name, the modes, the matches that run. */

import * as api from "../net/api";
import { button, element, foreign, say } from "./dom";
import type { JoinRequest } from "../net/messages";

const NAME = "muster.name";
const REFRESH_MS = 3_000;

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
  private timer: ReturnType<typeof setInterval> | undefined;
  private isBusy = false;

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
      const [modes, matches] = await Promise.all([api.modes(), api.matches()]);
      this.showModes(modes);
      this.showMatches(matches);
    } catch (error) {
      say(this.fault, error instanceof Error ? error.message : "the server cannot be reached");
    }
  }

  private showModes(modes: readonly api.Mode[]): void {
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
    const rows = matches.slice(0, 50).map(({ match, mode, players, players_max, spectators, may_spectate }) => {
      const about = `${players} of ${players_max}${spectators > 0 ? `, ${spectators} looking on` : ""}`;
      const row = element("div", "row", element("b", "", foreign(mode, 40)), element("span", "", about));
      const join = button("Join", () => this.enter({ match }));
      join.disabled = players >= players_max;
      row.append(join);
      if (may_spectate) row.append(button("Watch", () => this.enter({ match, spectate: true })));
      return row;
    });
    this.matches.replaceChildren(...(rows.length > 0 ? rows : [element("p", "", "none yet: play, and there is one")]));
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
        say(this.fault, error instanceof Error ? error.message : "the server cannot be reached");
      });
  }
}
