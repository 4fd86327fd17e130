/** The line to a server: a WebSocket, and data channels beside it where they can be had. */

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

export class Link {
  private channels: Channels | null = null;
  private answered: ((sdp: string) => void) | null = null;
  private refused: ((reason: Error) => void) | null = null;
  private isClosed = false;

  private constructor(
    private readonly socket: WebSocket,
    private readonly handler: LinkHandler,
  ) {
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (data instanceof ArrayBuffer) handler.binary(new Uint8Array(data));
      else if (typeof data === "string") this.handleText(data);
    };
    socket.onclose = () => this.end();
  }

  /** Comes back when the socket is open. */
  static open(handler: LinkHandler): Promise<Link> {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/v1/play`);
    return new Promise((resolve, reject) => {
      socket.onopen = () => resolve(new Link(socket, handler));
      socket.onerror = () => reject(new Error("the server cannot be reached"));
    });
  }

  get carrier(): Carrier {
    return this.channels === null ? "websocket" : "webrtc";
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
      if (message.type === "error" && message.code.startsWith("rtc")) this.refused?.(new Error(message.message));
      this.handler.text(message);
    }
  }

  /** Tries to get data channels; false if there will be none. */
  async openChannels(): Promise<boolean> {
    if (this.channels !== null) return true;
    if (typeof RTCPeerConnection === "undefined") return false;
    const offer = (sdp: string): Promise<string> =>
      new Promise((resolve, reject) => {
        this.answered = resolve;
        this.refused = reject;
        this.send({ type: "rtc:offer", sdp });
      });
    try {
      const channels = await Channels.open(offer, {
        binary: (bytes) => this.handler.binary(bytes),
        lost: () => {
          this.channels = null;
          if (!this.isClosed) this.handler.rerouted();
        },
      });
      if (this.isClosed) channels.close();
      else this.channels = channels;
      return !this.isClosed;
    } catch {
      return false;
    }
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
    this.channels?.close();
    this.socket.onclose = null;
    this.socket.close();
  }

  private end(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.channels?.close();
    this.handler.closed();
  }
}
