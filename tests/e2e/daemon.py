"""What the tests of a single pipeline share: waiting for a condition, HTTP on a unix socket, the
numbers of protobuf."""
import http.client
import socket

import spillmark

DEADLINE_S = 60


def wait_for(condition, what):
    return spillmark.wait_for(condition, what, DEADLINE_S)


def varint(number):
    digits = b""
    while number >= 0x80:
        digits += bytes([number & 0x7F | 0x80])
        number >>= 7
    return digits + bytes([number])


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=DEADLINE_S)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(DEADLINE_S)
        self.sock.connect(self.path)
