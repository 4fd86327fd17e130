"""Two aiortc peers that may use only relayed candidates exchange messages both ways over a data channel.

Prints `received FIRST SECOND`: how many messages each side got. The channel is reliable, so every message has to come,
in order and whole.
"""

import asyncio

from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCIceTransportPolicy,
    RTCPeerConnection,
)

import server

MESSAGES = 50
SIZE = 900


def message(sender: int, number: int) -> bytes:
    return number.to_bytes(4, "big") + bytes([sender]) * (SIZE - 4)


def peer(relay: server.Server) -> RTCPeerConnection:
    ice_server = RTCIceServer(relay.url, relay.username, relay.password)
    return RTCPeerConnection(
        RTCConfiguration([ice_server], iceTransportPolicy=RTCIceTransportPolicy.RELAY)
    )


def receive(channel: RTCDataChannel, sender: int) -> "asyncio.Future[int]":
    done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    received = 0

    @channel.on("message")
    def on_message(data: bytes) -> None:
        nonlocal received
        if data != message(sender, received):
            done.set_exception(ValueError(f"message {received} differs from what was sent"))
            return
        received += 1
        if received == MESSAGES:
            done.set_result(received)

    return done


def opened(channel: RTCDataChannel) -> "asyncio.Future[None]":
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    if channel.readyState == "open":
        done.set_result(None)
    else:
        channel.once("open", lambda: done.set_result(None))
    return done


def only_relayed(sdp: str) -> None:
    candidates = [line for line in sdp.splitlines() if line.startswith("a=candidate:")]
    if not candidates or not all(" typ relay" in line for line in candidates):
        raise SystemExit(f"only relayed candidates were expected, not {candidates}")


async def main() -> None:
    relay = server.parse()
    first, second = peer(relay), peer(relay)
    # Negotiated by number, so that both ends exist before anything can arrive.
    channels = [p.createDataChannel("muster", negotiated=True, id=7) for p in (first, second)]
    delivered = asyncio.gather(receive(channels[0], 2), receive(channels[1], 1))
    both_open = asyncio.gather(*(opened(channel) for channel in channels))

    await first.setLocalDescription(await first.createOffer())
    only_relayed(first.localDescription.sdp)
    await second.setRemoteDescription(first.localDescription)
    await second.setLocalDescription(await second.createAnswer())
    only_relayed(second.localDescription.sdp)
    await first.setRemoteDescription(second.localDescription)

    await asyncio.wait_for(both_open, 30)
    for number in range(MESSAGES):
        channels[0].send(message(1, number))
        channels[1].send(message(2, number))
    at_first, at_second = await asyncio.wait_for(delivered, 30)
    await asyncio.gather(first.close(), second.close())
    print(f"received {at_first} {at_second}")


asyncio.run(main())
