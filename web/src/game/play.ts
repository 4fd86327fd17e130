/** A match as it is played: packets and messages in, commands out, the picture between. */

import { Commander } from "./commander";
import { Shooter } from "./controls";
import { type Ending, wordsOf } from "./ending";
import { Input } from "./input";
import { type ModeView, viewOf } from "./mode";
import { Onlooker } from "./onlooker";
import { Roster } from "./roster";
import type { Guest } from "../net/api";
import type { JoinRequest, Joined, ServerText } from "../net/messages";
import { Session } from "../net/session";
import type { ShownEntity, SyncClient } from "../sync/client";
import { EventKind, type GameEvent } from "../sync/events";
import { radians } from "../sync/angle";
import type { MapDocument } from "../sync/walls";
import { METRE, across, upwards } from "../sync/words";
import type { Look } from "../view/bodies";
import { button, foreign } from "../view/dom";
import { Field } from "../view/field";
import { Hud } from "../view/hud";

/** Reports a second: as often as inputs are to arrive. */
const REPORT_MS = 33;
/** How high the sticks stand. */
const THUMBS_PIXELS = 190;
/** How long a loaded field may take to be told of. */
const FRAME_SECONDS_MAX = 0.1;

export class Play {
  private readonly session: Session;
  private readonly roster = new Roster();
  private readonly hud: Hud;
  private readonly input: Input;
  private readonly shooter: Shooter;
  private commander: Commander | null = null;
  private field: Field | null = null;
  private isFieldAsked = false;
  private client: SyncClient | null = null;
  private joined: Joined | null = null;
  private view: ModeView | null = null;
  /** How often packets began anew. */
  private sessions = 0;
  private reportedAt = 0;
  private frameAt = 0;
  private isClosed = false;
  private diedAt: number | null = null;
  private readonly onlooker = new Onlooker();
  /** Where one looked last. */
  private eye = { x: 0, y: 0 };
  /** How the match ended, if it has. */
  private end: Ending | null = null;

  constructor(
    private readonly area: HTMLElement,
    guest: Guest,
    request: JoinRequest,
    /** It is over, and why; `next` is what the player goes on with. */
    private readonly onEnd: (reason: string, next?: JoinRequest) => void,
    isPlain: boolean,
  ) {
    area.hidden = false;
    area.replaceChildren();
    this.input = new Input(area);
    this.hud = new Hud({ leave: () => this.session.leave(), say: (text) => this.say(text) });
    area.append(this.hud.root);
    this.hud.announce("Joining");
    this.shooter = new Shooter((own, heading) => this.showShot(own, heading));
    this.session = new Session(
      guest,
      request,
      {
        joined: (joined, map) => void this.handleJoined(joined, map),
        opened: (client) => this.handleOpened(client),
        scriptMessage: (message) => this.handleScript(message),
        text: (message) => this.handleText(message),
        waiting: (reason, seconds, attempt) =>
          this.hud.announce(reason, `Trying again in ${Math.ceil(seconds)} s (${attempt})`),
        ended: (reason) => this.close(reason),
      },
      isPlain,
    );
    requestAnimationFrame((now) => this.frame(now));
    // A page in the background draws nothing, and is still to be heard of.
    this.heartbeat = setInterval(() => this.beat(performance.now()), 250);
  }

  private readonly heartbeat: ReturnType<typeof setInterval>;

  private say(text: string): void {
    if (!this.session.sendScript({ type: "say", text })) {
      this.roster.note("Nobody heard that: there is no line to the server.", 0, performance.now());
      return;
    }
    // A relay room sends it to the others alone.
    if (this.view?.controls === "none") this.roster.chat.push({ name: "you", text: foreign(text) });
  }

  private handleScript(message: unknown): void {
    this.roster.handle(message, performance.now());
    this.roster.keep(this.session.joined?.match ?? "", message);
    // How it ended may be told behind that it did.
    if (this.end !== null) this.showEnd();
  }

  private async handleJoined(joined: Joined, map: MapDocument | null): Promise<void> {
    this.joined = joined;
    this.view = viewOf(joined);
    const { view } = this;
    const isTouch = this.input.hasTouch;
    const help = joined.spectator ? Onlooker.help(joined, isTouch) : isTouch ? view.helpTouch : view.help;
    const sticks = { shooter: "both", car: "move", commander: "none", none: "none" } as const;
    this.input.setSticks(joined.spectator ? "none" : sticks[view.controls]);
    this.hud.setMatch({ isDeveloper: joined.settings.developer, hasChat: !joined.spectator, help });
    this.hud.announce("");
    this.roster.meet(joined.players);
    if (joined.replay !== undefined) {
      this.roster.beginReplay(joined.replay);
      const actions = { seek: (tick: number) => this.session.seek(tick), pause: (on: boolean) => this.session.pause(on) };
      this.onlooker.handleReplay(joined.replay, joined.settings.tick_rate, actions, (bar) => this.hud.addBar(bar));
    } else if (this.roster.seats.size === 0) this.roster.restore(joined.match, performance.now());
    // A seat that changes sides is joined again, perhaps while the field is still being opened.
    if (this.isFieldAsked) return;
    this.isFieldAsked = true;
    // There is no room for the line at the bottom of a phone.
    if (isTouch && help !== "") this.roster.note(help, 0, performance.now());
    const field = await Field.open(this.area, map);
    if (this.isClosed) return field.close();
    this.field = field;
    if (map !== null) this.eye = { x: map.size[0] / 2, y: map.size[1] / 2 };
    if (joined.spectator && view.controls !== "none") this.hud.setActions([["Next", () => this.onlooker.next()]]);
    if (view.controls !== "commander" || joined.spectator) return undefined;
    this.commander = new Commander(this.area, field, joined.number, (message) => this.session.sendScript(message));
    this.hud.setActions([
      [`Unit (${view.unitCost})`, () => this.session.sendScript({ type: "buy" })],
      ["All", () => this.commander?.selectAll()],
    ]);
    return undefined;
  }

  private handleOpened(client: SyncClient): void {
    this.client = client;
    this.sessions++;
    this.diedAt = null;
    this.hud.announce("");
  }

  private handleText(message: ServerText): void {
    const now = performance.now();
    switch (message.type) {
      case "match:ended":
        this.end = { reason: message.reason, result: message.result };
        this.showEnd();
        break;
      case "replay:at":
        this.onlooker.seekBar?.handleAt(message.tick, message.paused);
        break;
      case "dev:stats":
        this.hud.overlay.handleStats(message, this.client?.shown.length ?? 0);
        break;
      case "script:error":
        this.hud.overlay.handleFault(message);
        break;
      case "script:reloaded":
        this.hud.overlay.handleReload();
        this.roster.note(`rules reloaded: ${foreign(message.version, 16)}`, 0, now);
        break;
      case "error":
        this.roster.note(foreign(message.message), 0, now);
        break;
      default:
        break;
    }
  }

  private showEnd(): void {
    const { end, joined } = this;
    if (end === null) return;
    const mode = joined?.mode;
    const actions = [button("Back", () => this.close(""))];
    if (mode !== undefined) actions.unshift(button("Play again", () => this.close("", { mode }), "play"));
    const [title, below] = wordsOf(end, this.roster, joined);
    this.hud.announce(title, below, actions);
  }

  private frame(now: number): void {
    if (this.isClosed) return;
    const seconds = Math.min((now - this.frameAt) / 1000, FRAME_SECONDS_MAX);
    this.frameAt = now;
    this.advance(now, seconds);
    requestAnimationFrame((next) => this.frame(next));
  }

  /** Says what came, at times when nothing is drawn. */
  private beat(now: number): void {
    if (now - this.frameAt > 200) this.advance(now, 0);
  }

  private advance(now: number, seconds: number): void {
    const { client, field, joined, view } = this;
    if (client === null || joined === null || view === null) return;
    const nowUs = performance.now() * 1000;
    client.advance(nowUs);
    const own = client.shown.find(({ isPredicted }) => isPredicted) ?? null;
    if (!joined.spectator && this.end === null) this.act(client, view, own, now, seconds);
    else if (joined.spectator) this.onlooker.act(this.input);
    if (now - this.reportedAt >= REPORT_MS) {
      this.reportedAt = now;
      this.session.sendReport(client.report(nowUs));
    }
    for (const event of client.takeEvents()) this.handleEvent(event, client, now);
    client.takeDepartures();
    if (field !== null) this.draw(field, client, view, own, now, seconds);
    this.showHud(client, joined, own, now);
  }

  private act(client: SyncClient, view: ModeView, own: ShownEntity | null, now: number, seconds: number): void {
    if (this.commander !== null) this.commander.act(client, this.input.wish(), seconds);
    else if (view.controls !== "none") {
      this.input.centre = own === null || this.field === null ? null : this.field.camera.toPage(own.x, own.y);
      this.shooter.act({ client, input: this.input, own, speed: view.speed, now });
    }
  }

  private draw(field: Field, client: SyncClient, view: ModeView, own: ShownEntity | null, now: number, seconds: number): void {
    const at = this.commander ?? own ?? (this.joined?.spectator === true ? this.onlooker.choose(client.shown) : null) ?? this.eye;
    this.eye = { x: at.x, y: at.y };
    const lookOf = (entity: ShownEntity): Look => ({
      name: this.nameOf(entity, client),
      isOwn: entity.isPredicted,
      isSelected: this.commander?.selected.has(entity.id) ?? false,
      paint: view.controls === "car" ? 1 + (this.driverOf(entity) % 8) : 0,
      form: view.formOf(entity.kind),
    });
    const shown = own === null || view.controls !== "shooter" ? client.shown : this.aimed(client.shown);
    // Thumbs are in the way below.
    const below = this.input.hasSticks ? THUMBS_PIXELS : 0;
    if (this.commander !== null && view.sight > 0) field.light(this.lookouts(client, view), view.sight, now);
    field.draw(shown, lookOf, { ...this.eye, metres: view.metres, below }, now, seconds);
  }

  /** What one sees from: one's own units, and the base of one's side. */
  private lookouts(client: SyncClient, view: ModeView): ShownEntity[] {
    const { joined } = this;
    return client.shown.filter(
      ({ owner, team, kind }) => owner === joined?.number || (team === joined?.team && view.formOf(kind) === "base"),
    );
  }

  /** One's own fighter faces where one aims, before the server says so. */
  private aimed(shown: readonly ShownEntity[]): ShownEntity[] {
    return shown.map((entity) => (entity.isPredicted ? { ...entity, heading: this.shooter.aim } : entity));
  }

  /** What tells a car from others: a race has no sides. */
  private driverOf(entity: ShownEntity): number {
    return entity.owner !== 0 ? entity.owner : entity.id % 64;
  }

  private nameOf(entity: ShownEntity, client: SyncClient): string {
    const at = client.welcome.publicAttributes.indexOf("seat");
    // A seat of a race is a place, which the entity has.
    const place = client.welcome.publicAttributes.indexOf("place");
    const number = at >= 0 ? at : place;
    const seat = number >= 0 ? this.roster.seats.get(entity.attributes[number]) : this.roster.seatOf(entity.owner);
    // Of many units one would be covered by the names of others.
    return seat?.name ?? (this.view?.controls === "commander" ? "" : this.roster.nameOfPlayer(entity.owner));
  }

  private showShot(own: ShownEntity, heading: number): void {
    const weapon = this.client?.welcome.weapons[(this.client.predictedWeapon || 1) - 1];
    if (weapon === undefined) return;
    this.field?.effects.shoot(own.x, own.y, radians(heading), weapon.projectileSpeed / METRE, weapon.range / METRE, own.team);
  }

  private handleEvent(event: GameEvent, client: SyncClient, now: number): void {
    const { field } = this;
    if (field === null) return;
    const x = across(event.at) / METRE;
    const y = upwards(event.at) / METRE;
    switch (event.kind) {
      case EventKind.Hit: {
        field.effects.hit(x, y, now);
        field.bodies.strike(event.object, now);
        // Without tracers it is the hit that tells of the shot: the trace is drawn to it.
        if (client.welcome.weapons.some(({ isTracer }) => isTracer)) break;
        const shooter = client.shown.find(({ id }) => id === event.subject);
        if (shooter === undefined || shooter.isPredicted) break;
        const distance = Math.hypot(x - shooter.x, y - shooter.y);
        field.effects.shoot(shooter.x, shooter.y, Math.atan2(y - shooter.y, x - shooter.x), 90, distance, shooter.team);
        break;
      }
      case EventKind.Fired: {
        // One's own shots were shown when they were fired.
        const shooter = client.shown.find(({ id }) => id === event.subject);
        const weapon = client.welcome.weapons[event.detail - 1];
        if (weapon === undefined || shooter?.isPredicted === true) break;
        field.effects.shoot(x, y, radians(event.value), weapon.projectileSpeed / METRE, weapon.range / METRE, shooter?.team ?? 0);
        break;
      }
      case EventKind.UnitDestroyed:
      case EventKind.BaseDestroyed: {
        const fallen = client.shown.find(({ id }) => id === event.subject);
        field.effects.fall(x, y, fallen?.team ?? 0, now);
        break;
      }
      case EventKind.ResourceCapture:
        field.ground?.capture(event.detail, event.value);
        break;
      case EventKind.PickupTaken:
        field.ground?.take(event.detail, now, client.welcome.rateHz);
        break;
      default:
        break;
    }
  }

  private showHud(client: SyncClient, joined: Joined, own: ShownEntity | null, now: number): void {
    const { roster } = this;
    const rate = client.welcome.rateHz;
    if (joined.replay !== undefined) roster.readWorld(client.shown, client.welcome.publicAttributes);
    this.hud.update({
      roster,
      number: joined.number,
      team: joined.team,
      isSpectator: joined.spectator,
      health: own === null ? null : { now: own.health, most: own.healthMax },
      left: roster.endsAt > 0 ? (roster.endsAt - client.tick) / rate : null,
      now,
      facts: this.facts(client, joined, own),
      counts: this.counts(joined),
    });
    if (this.view?.controls === "none") this.hud.showChat(roster.chat);
    this.hud.graph.update(now, client.statistics(), this.session.carrier);
    if (this.end !== null || roster.over !== null || joined.spectator || this.view?.controls !== "shooter") return;
    if (own !== null) {
      if (this.diedAt !== null) this.hud.announce("");
      this.diedAt = null;
    } else if (client.shown.length > 0) {
      this.diedAt ??= now;
      if (now - this.diedAt > 150) this.hud.announce("You fell", "back in a moment");
    }
  }

  private counts(joined: Joined): "falls" | "kills" | "laps" | "names" {
    if (this.view?.controls === "car") return "laps";
    return this.view?.controls !== "shooter" ? "names" : joined.replay === undefined ? "falls" : "kills";
  }

  /** What the mode counts. */
  private facts(client: SyncClient, joined: Joined, own: ShownEntity | null): string {
    if (joined.replay !== undefined) return "replay";
    if (joined.spectator) return "looking on";
    const { roster } = this;
    if (this.view?.controls === "car" && own !== null) {
      const value = (name: string): number => own.attributes[client.welcome.publicAttributes.indexOf(name)] ?? 0;
      const { ground } = this.field ?? {};
      if (ground) ground.lead((value("checkpoint") % Math.max(ground.checkpoints, 1)) + 1);
      return `lap ${Math.min(Math.max(value("lap"), 1), roster.laps)} of ${roster.laps}, place ${value("place")}`;
    }
    if (this.commander !== null) return `gold ${roster.gold ?? 0}, ${this.commander.selected.size} selected`;
    return this.view?.controls === "none" ? `${roster.seats.size} members` : "";
  }

  /** What tests look at: where things are, without pixels. */
  inspect(): object {
    const { client, joined } = this;
    return {
      carrier: this.session.carrier,
      number: joined?.number ?? 0,
      match: joined?.match ?? "",
      team: joined?.team ?? 0,
      isOnline: this.session.isOnline,
      connections: this.session.connections,
      sessions: this.sessions,
      own: client?.predicted() ?? null,
      readyTick: client?.readyTick ?? 0,
      tick: client?.tick ?? 0,
      shown: client?.shown.map(({ id, x, y, team, owner, health, healthMax }) => ({ id, x, y, team, owner, health, healthMax })) ?? [],
      seats: [...this.roster.seats.values()],
      score: this.roster.score,
      over: this.roster.over,
      statistics: client?.statistics() ?? null,
      middle: this.hud.root.querySelector(".middle")?.textContent ?? "",
      end: this.end,
      replay: this.onlooker.seekBar?.inspect() ?? null,
      camera: this.field && { ...this.field.camera },
      selected: this.commander?.selected.size ?? 0,
    };
  }

  private close(reason: string, next?: JoinRequest): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.session.close();
    clearInterval(this.heartbeat);
    this.input.close();
    this.commander?.close();
    this.field?.close();
    this.area.hidden = true;
    this.area.replaceChildren();
    this.onEnd(reason, next);
  }
}
