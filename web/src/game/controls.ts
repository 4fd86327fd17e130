/** What a mode makes of what a player wants: commands to entities. */

import type { Input } from "./input";
import { angleOf } from "../sync/angle";
import type { ShownEntity, SyncClient } from "../sync/client";
import { METRE, NOBODY } from "../sync/words";

export interface Scene {
  client: SyncClient;
  input: Input;
  own: ShownEntity | null;
  /** Metres a second that the mode's rules say. */
  speed: number;
  now: number;
}

/** A velocity is told again after so long, as what carried it may have been given up. */
const AGAIN_MS = 500;

/** Goes where the stick says and shoots where the mouse is. */
export class Shooter {
  private told = "";
  private toldAt = 0;
  private firedAt = -Infinity;
  /** Where one aims, as an angle. */
  aim = 0;

  constructor(private readonly onShot: (own: ShownEntity, heading: number) => void) {}

  act({ client, input, own, speed, now }: Scene): void {
    const entity = client.predictedEntity;
    if (entity === NOBODY || own === null) {
      this.told = "";
      return;
    }
    const wish = input.wish();
    // Cut and not rounded: what is a unit faster than may be is refused.
    const x = Math.trunc(wish.moveX * speed * METRE);
    const y = Math.trunc(wish.moveY * speed * METRE);
    const key = `${entity}/${x}/${y}`;
    const isDue = key !== this.told || (now - this.toldAt > AGAIN_MS && (x !== 0 || y !== 0));
    if (isDue && client.command(entity, { kind: "velocity", x, y })) {
      this.told = key;
      this.toldAt = now;
    }
    if (wish.aim !== null) this.aim = angleOf(wish.aim.x, wish.aim.y);
    else if (wish.moveX !== 0 || wish.moveY !== 0) this.aim = angleOf(wish.moveX, wish.moveY);
    const weapon = client.welcome.weapons[client.predictedWeapon - 1];
    if (!wish.isFiring || weapon === undefined) return;
    const reloadMs = (weapon.reloadTicks * 1000) / client.welcome.rateHz;
    if (now - this.firedAt < reloadMs) return;
    if (client.command(entity, { kind: "fire", heading: this.aim })) {
      this.firedAt = now;
      this.onShot(own, this.aim);
    }
  }
}
