/** Data channels: one that may lose, for packets and reports, and one that may not. */

export interface ChannelHandler {
  binary(bytes: Uint8Array): void;
  /** They were open, and are no longer. */
  lost(): void;
}

/** How long it may take until both channels are open. */
const DEADLINE_MS = 8_000;
/** How long candidates of relays are waited for. */
const GATHER_MS = 1_500;
const SERVERS_MAX = 8;

/** What a server says of relays, as far as it is what a browser takes. */
export function iceServersOf(said: unknown): RTCIceServer[] {
  if (!Array.isArray(said)) return [];
  return said.slice(0, SERVERS_MAX).flatMap((entry: unknown) => {
    const { urls, username, credential } = (entry ?? {}) as Record<string, unknown>;
    const list = (Array.isArray(urls) ? urls : [urls]).filter(
      (url): url is string => typeof url === "string" && /^(stun|turns?):/.test(url),
    );
    if (list.length === 0) return [];
    return typeof username === "string" && typeof credential === "string"
      ? [{ urls: list, username, credential }]
      : [{ urls: list }];
  });
}

export class Channels {
  private readonly peer: RTCPeerConnection;
  private readonly state: RTCDataChannel;
  private readonly control: RTCDataChannel;
  private isClosed = false;

  private constructor(
    iceServers: RTCIceServer[],
    private readonly handler: ChannelHandler,
  ) {
    this.peer = new RTCPeerConnection({ iceServers });
    this.state = this.peer.createDataChannel("state", { ordered: false, maxRetransmits: 0 });
    this.control = this.peer.createDataChannel("control");
    for (const channel of [this.state, this.control]) {
      channel.binaryType = "arraybuffer";
      channel.onmessage = ({ data }) => {
        if (data instanceof ArrayBuffer) handler.binary(new Uint8Array(data));
      };
    }
  }

  /** Opens both channels. `offer` takes the offer to the server and comes back with its answer. */
  static async open(
    iceServers: RTCIceServer[],
    offer: (sdp: string) => Promise<string>,
    handler: ChannelHandler,
  ): Promise<Channels> {
    const channels = new Channels(iceServers, handler);
    try {
      await channels.connect(offer);
      return channels;
    } catch (error) {
      channels.close();
      throw error;
    }
  }

  private async connect(offer: (sdp: string) => Promise<string>): Promise<void> {
    const { peer, state, control } = this;
    const late = new Promise<never>((_, reject) => setTimeout(() => reject(new Error("no channel in time")), DEADLINE_MS));
    const opened = Promise.all([state, control].map((channel) => new Promise((open) => (channel.onopen = open))));
    // Nobody waits for this one when the other loses.
    late.catch(() => undefined);
    await peer.setLocalDescription(await peer.createOffer());
    await Promise.race([this.gathered(), late]);
    const sdp = await Promise.race([offer(peer.localDescription?.sdp ?? ""), late]);
    await peer.setRemoteDescription({ type: "answer", sdp });
    await Promise.race([opened, late]);
    const lost = (): void => {
      if (this.isClosed) return;
      this.close();
      this.handler.lost();
    };
    state.onclose = lost;
    control.onclose = lost;
    peer.onconnectionstatechange = () => {
      if (peer.connectionState === "failed" || peer.connectionState === "closed") lost();
    };
  }

  /**
   * Relayed candidates have to be in the offer, since nothing is told of them later; one's own are found by the server when
   * checks come from them.
   */
  private async gathered(): Promise<void> {
    const { peer } = this;
    if ((peer.getConfiguration().iceServers ?? []).length === 0 || peer.iceGatheringState === "complete") return;
    await new Promise<void>((done) => {
      peer.onicegatheringstatechange = () => {
        if (peer.iceGatheringState === "complete") done();
      };
      setTimeout(done, GATHER_MS);
    });
  }

  /** Sends what may be lost: nothing waits behind what the network does not take. */
  sendState(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.state.readyState === "open" && this.state.bufferedAmount < 16_384) this.state.send(bytes);
  }

  sendControl(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.control.readyState === "open") this.control.send(bytes);
  }

  close(): void {
    this.isClosed = true;
    this.peer.close();
  }
}
