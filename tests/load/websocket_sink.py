"""websocket_sink.py [COUNT]: reads WebSocket messages of any size, in fragments or not, keeps nothing
of them, and answers each with its length when all of it has come, or with COUNT not before all of
so many have. Prints its port."""
import base64
import hashlib
import re
import resource
import socket
import struct
import sys
import threading

resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
ALL = threading.Barrier(int(sys.argv[1]) if len(sys.argv) > 1 else 1)

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
END, MASKED = 0x80, 0x80


def take(peer, view):
    while view:
        got = peer.recv_into(view)
        if not got:
            raise ConnectionError
        view = view[got:]


def serve(peer):
    buffer = memoryview(bytearray(1 << 20))
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += peer.recv(1)
    key = re.search(rb"Sec-WebSocket-Key: (\S+)", head)[1]
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
    peer.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
    total = 0
    while True:
        take(peer, buffer[:2])
        first, length = buffer[0], buffer[1] & ~MASKED
        extra = {126: 2, 127: 8}.get(length, 0)
        take(peer, buffer[:extra + 4])  # the mask as well
        if extra:
            length = int.from_bytes(buffer[:extra], "big")
        total += length
        while length:
            now = min(length, len(buffer))
            take(peer, buffer[:now])
            length -= now
        if first & END:
            ALL.wait()
            text = str(total).encode()
            peer.sendall(struct.pack("BB", 0x81, len(text)) + text)
            total = 0


def serve_until_closed(peer):
    try:
        serve(peer)
    except ConnectionError:
        peer.close()


listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve_until_closed, args=(listener.accept()[0],), daemon=True).start()
