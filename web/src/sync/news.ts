/** What a viewer is told once: events and departures; and the attributes that only it sees. */

import type { GameEvent, Told } from "./events";
import type { OwnerValue } from "./own";
import type { Departure } from "./tracks";
import { type EntityId, isAfter } from "./words";

/** How far the number of an event may be ahead of the last that came with all before. */
const WINDOW = 256;
const WAITING_MAX = 4096;

/** **Events with a number are handed over once each, in the order of their numbers.** */
export class News {
  private next = 1;
  private readonly early = new Map<number, GameEvent>();
  private events: GameEvent[] = [];
  private departures: { id: EntityId; how: Departure }[] = [];
  dropped = 0;

  hasRoom(told: readonly Told[]): boolean {
    return told.every(({ sequence }) => sequence < this.next + WINDOW);
  }

  handleEvents(told: readonly Told[]): void {
    for (const { sequence, event } of told) {
      if (sequence >= this.next) this.early.set(sequence, event);
      else if (sequence !== 0) continue;
      else if (this.events.length < WAITING_MAX) this.events.push(event);
      else this.dropped++;
    }
    this.moveUp();
  }

  private moveUp(): void {
    // Twice the room for those that may not be missed; then they wait, and packets with more are refused.
    while (this.events.length < 2 * WAITING_MAX) {
      const event = this.early.get(this.next);
      if (event === undefined) return;
      this.early.delete(this.next++);
      this.events.push(event);
    }
  }

  handleDeparture(id: EntityId, how: Departure): void {
    if (this.departures.length < WAITING_MAX) this.departures.push({ id, how });
    else this.dropped++;
  }

  takeEvents(): GameEvent[] {
    const taken = this.events;
    this.events = [];
    this.moveUp();
    return taken;
  }

  takeDepartures(): { id: EntityId; how: Departure }[] {
    const taken = this.departures;
    this.departures = [];
    return taken;
  }
}

/** The attributes that only this viewer sees. */
export class OwnerValues {
  private readonly values = new Map<string, { value: number; update: number }>();

  constructor(private readonly valuesMax: number) {}

  handle({ entity, attribute, value }: OwnerValue, update: number): void {
    const key = `${entity}/${attribute}`;
    const known = this.values.get(key);
    if (known !== undefined && isAfter(known.update, update)) return;
    if (known === undefined && this.values.size >= this.valuesMax) this.values.clear();
    this.values.set(key, { value, update });
  }

  value(entity: EntityId, attribute: number): number | undefined {
    return this.values.get(`${entity}/${attribute}`)?.value;
  }
}
