"""The arguments that every script here takes: where the relay is and who the script says it is."""

import argparse
from dataclasses import dataclass


@dataclass
class Server:
    host: str
    port: int
    transport: str
    username: str
    password: str

    @property
    def secure(self) -> bool:
        return self.transport == "tls"

    @property
    def stream(self) -> str:
        """The transport under TLS, if there is TLS."""
        return "udp" if self.transport == "udp" else "tcp"

    @property
    def url(self) -> str:
        scheme = "turns" if self.secure else "turn"
        return f"{scheme}:{self.host}:{self.port}?transport={self.stream}"


def parse() -> Server:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--transport", choices=["udp", "tcp", "tls"], required=True)
    parser.add_argument("--username", required=True)
    parser.add_argument("--password", required=True)
    return Server(**vars(parser.parse_args()))
