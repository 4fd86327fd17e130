/** What stands round the picture: score, seats, who fell, one's own health, what one may press. */

import { teamCss } from "./colours";
import { button, element, foreign, say } from "./dom";
import { NetworkGraph } from "./graph";
import { DeveloperOverlay } from "./overlay";
import { clock } from "./seekbar";
import type { Roster } from "../game/roster";

export interface HudState {
  roster: Roster;
  number: number;
  team: number;
  isSpectator: boolean;
  /** Null while one has no entity. */
  health: { now: number; most: number } | null;
  /** Seconds until the end; null if there is none. */
  left: number | null;
  now: number;
  /** What the mode has to say: laps, resources. */
  facts: string;
  /** What of a seat counts: who fell by it and how often it fell, the first of these alone, laps, or nothing. */
  counts: "falls" | "kills" | "laps" | "names";
}

export class Hud {
  readonly root = element("div", "hud");
  readonly graph = new NetworkGraph();
  readonly overlay = new DeveloperOverlay();
  private readonly score = element("div", "score");
  private readonly seats = element("table", "panel seats");
  private readonly feed = element("div", "feed");
  private readonly own = element("div", "own");
  private readonly bar = element("i");
  private readonly health = element("span");
  private readonly facts = element("div", "facts");
  private readonly middle = element("div", "middle");
  private readonly help = element("div", "help");
  private readonly chatLog = element("div", "panel chat-log");
  private seatsKey = "";
  private feedKey = "";

  private readonly developer = button("Dev", () => this.overlay.toggle());
  private readonly chat = element("input", "chat");
  private readonly bottom: HTMLElement;
  private readonly actions: HTMLElement;
  /** The page is as narrow as a phone's. */
  private readonly isNarrow = matchMedia("(max-width: 700px)").matches;

  constructor(actions: { leave: () => void; say: (text: string) => void }) {
    this.seats.hidden = this.isNarrow;
    this.graph.root.hidden = true;
    this.overlay.root.hidden = true;
    this.developer.hidden = true;
    const toggle = (target: HTMLElement) => () => {
      target.hidden = !target.hidden;
    };
    const buttons = element(
      "nav",
      "buttons",
      button("Seats", toggle(this.seats)),
      button("Net", toggle(this.graph.root)),
      this.developer,
      button("Leave", actions.leave),
    );
    const { chat } = this;
    chat.placeholder = "say (Enter)";
    chat.maxLength = 120;
    chat.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && chat.value.trim() !== "") actions.say(chat.value.trim());
      if (event.key === "Enter" || event.key === "Escape") {
        chat.value = "";
        chat.blur();
      }
      event.stopPropagation();
    });
    this.own.append(element("div", "bar", this.bar), this.health);
    const left = element("div", "left", this.overlay.root, this.graph.root, this.feed);
    const top = element("header", "top", this.score, buttons);
    this.actions = element("div", "actions");
    this.bottom = element("footer", "bottom", this.own, this.facts, this.actions, this.help, chat);
    this.root.append(top, left, this.seats, this.middle, this.bottom);
  }

  /** What a match offers: a developer's numbers, words to others. */
  setMatch({ isDeveloper, hasChat, help }: { isDeveloper: boolean; hasChat: boolean; help: string }): void {
    if (this.developer.hidden && isDeveloper) this.overlay.root.hidden = this.isNarrow;
    this.developer.hidden = !isDeveloper;
    this.chat.hidden = !hasChat;
    say(this.help, help);
  }

  /** Buttons of the mode, instead of those that there were. */
  setActions(actions: readonly [string, () => void][]): void {
    this.actions.replaceChildren(...actions.map(([label, act]) => button(label, act)));
  }

  /** Puts something above what stands at the bottom. */
  addBar(bar: HTMLElement): void {
    this.root.classList.add("has-bar");
    this.root.append(bar);
  }

  /** The picture has room for words alone: all that was said is shown. */
  showChat(lines: readonly { name: string; text: string }[]): void {
    const key = `${lines.length}${lines.at(-1)?.text ?? ""}`;
    if (this.chatLog.dataset.key === key) return;
    this.chatLog.dataset.key = key;
    this.chatLog.replaceChildren(...lines.map(({ name, text }) => element("p", "", element("b", "", name), ` ${text}`)));
    if (this.chatLog.parentElement === null) this.root.append(this.chatLog);
    this.root.classList.add("words");
    this.chatLog.scrollTop = this.chatLog.scrollHeight;
  }

  /** Says something in the middle of the page; nothing clears it. */
  announce(title: string, text = "", actions: readonly HTMLButtonElement[] = []): void {
    const key = `${title}\n${text}`;
    if (this.middle.dataset.key === key) return;
    this.middle.dataset.key = key;
    this.middle.replaceChildren();
    if (title === "") return;
    this.middle.append(element("h2", "", foreign(title)), element("p", "", foreign(text)));
    if (actions.length > 0) this.middle.append(element("div", "choices", ...actions));
  }

  update(state: HudState): void {
    this.showScore(state);
    this.showSeats(state);
    this.showFeed(state);
    const { health } = state;
    // What cannot be hurt has no health to show.
    this.own.hidden = health === null || health.most <= 0;
    if (health !== null) {
      const part = health.most > 0 ? Math.max(health.now / health.most, 0) : 0;
      this.bar.style.width = `${Math.round(part * 100)}%`;
      this.bar.className = part > 0.6 ? "good" : part > 0.3 ? "fair" : "poor";
      say(this.health, `${Math.max(health.now, 0)}`);
    }
    say(this.facts, state.facts);
  }

  private showScore({ roster, left, team }: HudState): void {
    const key = `${roster.score.join()}|${roster.toWin}|${left === null ? "" : Math.ceil(left)}|${team}`;
    if (this.score.dataset.key === key) return;
    this.score.dataset.key = key;
    const parts: Node[] = roster.score.map((points, index) => {
      const part = element("b", index + 1 === team ? "mine" : "", `${points}`);
      part.style.color = teamCss(index + 1);
      return part;
    });
    if (roster.toWin > 0) parts.push(element("small", "", `to ${roster.toWin}`));
    if (left !== null) {
      const seconds = Math.ceil(left);
      parts.push(element("time", "", clock(seconds)));
    }
    this.score.replaceChildren(...parts);
  }

  private showSeats({ roster, number, counts }: HudState): void {
    if (this.seats.hidden) return;
    const order = [...roster.seats.values()].sort(
      (one, other) => one.team - other.team || other.kills - one.kills || one.seat - other.seat,
    );
    const key = JSON.stringify(order) + number;
    if (key === this.seatsKey) return;
    this.seatsKey = key;
    const rows = order.slice(0, 32).map((seat) => {
      const name = element("td", "", seat.name);
      name.style.color = teamCss(seat.team);
      const row = element("tr", seat.player === number && number !== 0 ? "me" : "", name);
      if (counts === "falls" || counts === "kills") row.append(element("td", "", `${seat.kills}`));
      if (counts === "falls") row.append(element("td", "", `${seat.deaths}`));
      if (counts === "laps") row.append(element("td", "", `${seat.points}`));
      return row;
    });
    this.seats.replaceChildren(...rows);
    this.seats.classList.toggle("empty", rows.length === 0);
  }

  private showFeed({ roster, now }: HudState): void {
    const recent = roster.recent(now);
    const key = recent.map(({ text, at }) => `${at}${text}`).join("\n");
    if (key === this.feedKey) return;
    this.feedKey = key;
    const lines = recent.map(({ text, team }) => {
      const line = element("div", "", text);
      line.style.borderColor = teamCss(team);
      return line;
    });
    this.feed.replaceChildren(...lines);
  }
}
