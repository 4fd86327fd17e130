"""Two aioice agents that may use only relayed candidates exchange datagrams both ways.

Prints `received FIRST SECOND`: how many datagrams each side got. Loss is the caller's to judge; a datagram that differs
from what was sent ends the script with an error.
"""

import asyncio

import aioice

import server

DATAGRAMS = 50
SIZE = 900
# A datagram that has not come by then is lost.
PATIENCE_S = 10


def datagram(sender: int, number: int) -> bytes:
    return number.to_bytes(4, "big") + bytes([sender]) * (SIZE - 4)


def agent(relay: server.Server, controlling: bool) -> aioice.Connection:
    return aioice.Connection(
        ice_controlling=controlling,
        turn_server=(relay.host, relay.port),
        turn_username=relay.username,
        turn_password=relay.password,
        turn_ssl=relay.secure,
        turn_transport=relay.stream,
        transport_policy=aioice.TransportPolicy.RELAY,
    )


async def introduce(one: aioice.Connection, other: aioice.Connection) -> None:
    """Tells `other` what `one` has gathered."""
    kinds = {candidate.type for candidate in one.local_candidates}
    if kinds != {"relay"}:
        raise SystemExit(f"only relayed candidates were expected, not {kinds}")
    for candidate in one.local_candidates:
        await other.add_remote_candidate(candidate)
    await other.add_remote_candidate(None)
    other.remote_username = one.local_username
    other.remote_password = one.local_password


async def receive(connection: aioice.Connection, sender: int) -> int:
    expected = {datagram(sender, number) for number in range(DATAGRAMS)}
    received = 0
    while expected:
        try:
            data = await asyncio.wait_for(connection.recv(), PATIENCE_S)
        except asyncio.TimeoutError:
            break
        # A set, because datagrams may overtake each other.
        expected.remove(data)
        received += 1
    return received


async def send(connection: aioice.Connection, sender: int) -> None:
    for number in range(DATAGRAMS):
        await connection.send(datagram(sender, number))
        await asyncio.sleep(0.005)


async def main() -> None:
    relay = server.parse()
    first, second = agent(relay, True), agent(relay, False)
    await asyncio.gather(first.gather_candidates(), second.gather_candidates())
    await introduce(first, second)
    await introduce(second, first)
    await asyncio.gather(first.connect(), second.connect())
    at_first, at_second, _, _ = await asyncio.gather(
        receive(first, 2), receive(second, 1), send(first, 1), send(second, 2)
    )
    await asyncio.gather(first.close(), second.close())
    print(f"received {at_first} {at_second}")


asyncio.run(main())
