"""What the tests of a single pipeline share: waiting for a condition, and HTTP on a unix socket."""
import http.client
import socket
import time

DEADLINE_S = 60


def wait_for(condition, what):
    until = time.monotonic() + DEADLINE_S
    while time.monotonic() < until:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"never happened: {what}")


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=DEADLINE_S)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(DEADLINE_S)
        self.sock.connect(self.path)
