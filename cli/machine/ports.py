"""TCP ports on loopback: the well-known ones when free, the next ones otherwise, and never two machines on the same one."""

import contextlib
import random
import socket
import sys

from cli.machine.trouble import Trouble

PREFERRED = {"intake": 8101, "router": 8102, "tracker": 8103, "registry": 8104}
"""The ports people know by heart; a second checkout gets the same last digit, ten higher."""

STEP = 10
# Below the range from which Linux takes source ports of outgoing connections, so that no connection can snatch a claimed port.
ANY = range(18000, 32000)


class Ports:
    """Claims on ports, held until `close()`.

    Between choosing a port and the program listening on it another machine may choose the same one. A claim is therefore also a
    name in Linux' abstract socket namespace: exclusive among all checkouts of a host, gone with the process.
    """

    def __init__(self) -> None:
        self._claims: dict[int, socket.socket | None] = {}

    def claim(self, preferred: int | None = None) -> int:
        """Claim `preferred`, else the next free port ten by ten; without a preference any free one."""
        candidates = list(range(preferred, min(preferred + 100 * STEP, 65536), STEP)) if preferred else []
        candidates += random.sample(ANY, 500)
        for port in candidates:
            if self._take(port):
                return port
        raise Trouble("找不到空闲端口。", "No free port found.")

    def claim_exactly(self, name: str, port: int) -> int:
        """Claim the port somebody asked for; raises Trouble when it is taken."""
        if not self._take(port):
            raise Trouble(
                f"端口 {port}（{name}）已被占用，请换一个端口或不指定端口。",
                f"Port {port} for {name} is taken; choose another one or none.",
            )
        return port

    def close(self) -> None:
        """Give all claims back."""
        for claim in self._claims.values():
            if claim is not None:
                claim.close()
        self._claims.clear()

    def _take(self, port: int) -> bool:
        if port in self._claims or not is_free(port):
            return False
        claim: socket.socket | None = None
        if sys.platform == "linux":
            claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                claim.bind(f"\0liandong-port-{port}")
            except OSError:
                claim.close()
                return False
        self._claims[port] = claim
        return True


def listening(port: int) -> socket.socket:
    """Listen on a loopback port for a program that inherits the socket: its port stays open while it is started again."""
    own = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    own.bind(("127.0.0.1", port))
    own.listen(2048)
    return own


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this loopback port now."""
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        # As servers do: connections of a server that just died must not push the next one off its port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            return False
    return True
