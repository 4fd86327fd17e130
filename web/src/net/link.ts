/**
 * The line to a server: a WebSocket, and data channels beside it where they can be had. **A line that is silent is closed**:
 * a network that went away says nothing.
 */

import { Channels } from "./channels";
import type { ClientText, ServerText } from "./messages";

export type Carrier = "webrtc" | "websocket";

export interface LinkHandler {
  text(message: ServerText): void;
  binary(bytes: Uint8Array): void;
  /** What is sent goes another way from now on; the server is told by another hello. */
  rerouted(): void;
  closed(): void;
}

const OPEN_MS = 6_000;
const PING_MS = 2_000;
/** How many pings may be without an answer. They are counted, since a page in the background is called seldom. */
const SILENT_MAX = 4;
/** Channels that were lost, or did not open, are tried again so often, and so much later. */
const CHANNELS_AGAIN_MAX = 3;
const CHANNELS_AGAIN_MS = 5_000;

export class Link {
  private channels: Channels | null = null;
  private opening: Promise<void> | null = null;
  private answered: ((sdp: string) => void) | null = null;
  private refused: ((reason: Error) => void) | null = null;
  private isClosed = false;
  private unanswered = 0;
  /** There is no WebRTC at the server. */
  private isRefused = false;
  private lostCount = 0;
  private iceServers: RTCIceServer[] = [];
  private readonly pinging: ReturnType<typeof setInterval>;

  private constructor(
    private readonly socket: WebSocket,
    private readonly handler: LinkHandler,
  ) {
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }: MessageEvent<unknown>) => {
      this.unanswered = 0;
      if (data instanceof ArrayBuffer) handler.binary(new Uint8Array(data));
      else if (typeof data === "string") this.handleText(data);
    };
    socket.onclose = () => this.end();
    this.pinging = setInterval(() => this.ping(), PING_MS);
  }

  /** Comes back when the socket is open. */
  static open(handler: LinkHandler): Promise<Link> {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/v1/play`);
    return new Promise((resolve, reject) => {
      const fail = (): void => {
        clearTimeout(late);
        socket.onopen = null;
        socket.close();
        reject(new Error("the server cannot be reached"));
      };
      const late = setTimeout(fail, OPEN_MS);
      socket.onopen = () => {
        clearTimeout(late);
        resolve(new Link(socket, handler));
      };
      socket.onerror = fail;
      socket.onclose = fail;
    });
  }

  get carrier(): Carrier {
    return this.channels === null ? "websocket" : "webrtc";
  }

  private ping(): void {
    if (++this.unanswered > SILENT_MAX) {
      this.socket.onclose = null;
      this.socket.close();
      this.end();
    } else {
      this.send({ type: "ping", at: Math.round(performance.now()) });
    }
  }

  private handleText(text: string): void {
    let message: ServerText;
    try {
      message = JSON.parse(text) as ServerText;
    } catch {
      return;
    }
    if (message.type === "rtc:answer") this.answered?.(message.sdp);
    else {
      if (message.type === "error" && message.code.startsWith("rtc")) {
        this.isRefused = message.code === "rtc_off";
        this.refused?.(new Error(message.message));
      }
      this.handler.text(message);
    }
  }

  /** Tries to get data channels; the handler hears of it when there are some. */
  openChannels(iceServers: RTCIceServer[]): void {
    if (this.channels !== null || this.opening !== null || this.isClosed || typeof RTCPeerConnection === "undefined") return;
    this.iceServers = iceServers;
    this.opening = this.tryChannels().finally(() => (this.opening = null));
  }

  private async tryChannels(): Promise<void> {
    const offer = (sdp: string): Promise<string> =>
      new Promise((resolve, reject) => {
        this.answered = resolve;
        this.refused = reject;
        this.send({ type: "rtc:offer", sdp });
      });
    try {
      const channels = await Channels.open(this.iceServers, offer, {
        binary: (bytes) => this.handler.binary(bytes),
        lost: () => this.handleLost(),
      });
      if (this.isClosed) return channels.close();
      this.channels = channels;
      this.handler.rerouted();
    } catch {
      // The WebSocket carries everything until then.
      this.tryAgain();
    }
    return undefined;
  }

  private handleLost(): void {
    this.channels = null;
    if (this.isClosed) return;
    this.handler.rerouted();
    this.tryAgain();
  }

  private tryAgain(): void {
    if (this.isRefused || ++this.lostCount > CHANNELS_AGAIN_MAX) return;
    setTimeout(() => this.openChannels(this.iceServers), CHANNELS_AGAIN_MS);
  }

  send(message: ClientText): void {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  /** Sends what may be lost. */
  sendState(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.channels !== null) this.channels.sendState(bytes);
    else if (this.socket.readyState === WebSocket.OPEN && this.socket.bufferedAmount < 65_536) this.socket.send(bytes);
  }

  /** Sends what may not be lost. */
  sendReliable(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.channels !== null) this.channels.sendControl(bytes);
    else if (this.socket.readyState === WebSocket.OPEN) this.socket.send(bytes);
  }

  close(): void {
    this.isClosed = true;
    clearInterval(this.pinging);
    this.channels?.close();
    this.socket.onclose = null;
    this.socket.close();
  }

  private end(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    clearInterval(this.pinging);
    this.channels?.close();
    this.handler.closed();
  }
}
