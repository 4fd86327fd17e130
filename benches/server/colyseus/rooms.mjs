// What muster is put beside: rooms of Colyseus that do what the modes of `benches/server/modes` do. It says where it
// listens in one line on standard output, and ends with its standard input.

import { Room, Server } from "@colyseus/core";
import { WebSocketTransport } from "@colyseus/ws-transport";
import { schema, t } from "@colyseus/schema";

const SIDE = 200; // metres
const SPEED = 7; // metres a second

const Player = schema({ x: t.float32(), y: t.float32() }, "Player");
const Field = schema({ players: t.map(Player) }, "Field");

/** Players on a field who are moved twenty times a second, by what they say or, without `steered`, by themselves. */
class Crowd extends Room {
  patchRate = 50;
  state = new Field();
  velocities = new Map();

  onCreate() {
    this.onMessage("v", (client, [x, y]) => {
      const velocity = this.velocities.get(client.sessionId);
      velocity.x = Math.max(-SPEED, Math.min(SPEED, x));
      velocity.y = Math.max(-SPEED, Math.min(SPEED, y));
    });
    this.setSimulationInterval((ms) => this.move(ms / 1000), 50);
  }

  onJoin(client) {
    const player = new Player();
    player.x = Math.random() * SIDE;
    player.y = Math.random() * SIDE;
    const angle = Math.random() * 2 * Math.PI;
    this.velocities.set(client.sessionId, { player, x: SPEED * Math.cos(angle), y: SPEED * Math.sin(angle) });
    this.state.players.set(client.sessionId, player);
  }

  onLeave(client) {
    this.velocities.delete(client.sessionId);
    this.state.players.delete(client.sessionId);
  }

  move(seconds) {
    for (const velocity of this.velocities.values()) {
      const player = velocity.player;
      const x = player.x + velocity.x * seconds;
      const y = player.y + velocity.y * seconds;
      if (x < 0 || x > SIDE) {
        velocity.x = -velocity.x;
      } else {
        player.x = x;
      }
      if (y < 0 || y > SIDE) {
        velocity.y = -velocity.y;
      } else {
        player.y = y;
      }
    }
  }
}

/** What a member says comes back. */
class Echo extends Room {
  patchRate = null;

  onCreate() {
    this.onMessage("e", (client, message) => client.send("e", message));
  }
}

/** A hundred members who say nothing. */
class Quiet extends Room {
  maxClients = 100;
  patchRate = null;
}

const server = new Server({ transport: new WebSocketTransport(), greet: false });
server.define("crowd", Crowd);
server.define("echo", Echo);
server.define("quiet", Quiet);
await server.listen(0, "127.0.0.1", 4096);
console.log(`colyseus: ${server.transport.server.address().port}`);
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
