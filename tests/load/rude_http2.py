"""An HTTP/2 server for tests whose manners the path decides. Prints its port.

  /ok             200 with a short body         /status/N       N without a body
  /hang           reads, never answers          /slow/MS        200 after MS milliseconds
  /close          closes without a reply        /reset          resets after the request
  /half           half a reply, then nothing    /partial        half a reply, then closes
  /partial-reset  half a reply, then resets     /rst/CODE       RST_STREAM with the code
  /partial-rst    half a reply, then RST_STREAM /early/N        N before the body, RST_STREAM
  /talk/N         N before the body, reads on   /interim        103, then 200
  /leave          GOAWAY in order, on the first connections: this request was not looked at
  /expel          GOAWAY with a reason, closes  /uppercase      a header that cannot be
  /nonsense       a frame that cannot be        /huge           a frame beyond all bounds
  /count          200, where as many body bytes came as content-length says, else 400
"""
import socket
import struct
import threading
import time

from hpack import Decoder, Encoder

DATA, HEADERS, RST, SETTINGS, PING, GOAWAY, WINDOW = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS = 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
left = [3]  # how many connections /leave still sends away


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


class Guest(threading.Thread):
    def __init__(self, peer):
        super().__init__(daemon=True)
        self.peer, self.decoder, self.encoder = peer, Decoder(), Encoder()
        self.file = peer.makefile("rb", 1 << 18)
        self.paths, self.bytes, self.lengths = {}, {}, {}

    def take(self, count):
        taken = self.file.read(count)
        if len(taken) < count:
            raise ConnectionError
        return taken

    def send(self, *frames):
        self.peer.sendall(b"".join(frames))

    def head(self, stream, status, end=False, extra=()):
        block = self.encoder.encode([(":status", str(status)), *extra])
        return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block)

    def run(self):
        try:
            if self.take(len(PREFACE)) != PREFACE:
                return
            self.send(frame(SETTINGS, 0, 0, struct.pack(">HIHI", 4, (1 << 31) - 1, 3, 100)),
                      frame(WINDOW, 0, 0, struct.pack(">I", (1 << 31) - 65536)))
            while self.serve():
                pass
        except OSError:
            pass
        finally:
            self.file.close()
            self.peer.close()

    def serve(self):
        head = self.take(9)
        kind, flags, stream = struct.unpack(">BBI", head[3:])
        payload = self.take(int.from_bytes(head[:3], "big"))
        if kind == SETTINGS and not flags & 1:
            self.send(frame(SETTINGS, 1, 0))
        elif kind == PING and not flags & 1:
            self.send(frame(PING, 1, 0, payload))
        elif kind == PING:  # the answer to ours: the half before it has been read
            return self.reset()
        elif kind == HEADERS:
            fields = dict(self.decoder.decode(payload))
            self.paths[stream] = fields[":path"]
            self.bytes[stream], self.lengths[stream] = 0, int(fields.get("content-length", 0))
            if not self.greet(stream, self.paths[stream]):
                return False
        elif kind == DATA:
            self.bytes[stream] = self.bytes.get(stream, 0) + len(payload)
        if kind in (HEADERS, DATA) and flags & END_STREAM and stream in self.paths:
            return self.behave(stream, self.paths.pop(stream))
        return True

    def greet(self, stream, path):
        """What comes before the body has been read."""
        word, _, number = path[1:].partition("/")
        if word in ("early", "talk"):
            self.send(self.head(stream, number, True))
            del self.paths[stream]
        if word == "early":
            self.send(frame(RST, 0, stream, struct.pack(">I", 0)))
        if word == "leave" and left[0] > 0:
            left[0] -= 1
            self.send(frame(GOAWAY, 0, 0, struct.pack(">II", stream - 2 if stream > 1 else 0, 0)))
            return self.leave()
        return True

    def leave(self):
        """Closes in order: with bytes unread it would reset, and what was said be lost."""
        self.peer.shutdown(socket.SHUT_WR)
        while self.peer.recv(1 << 18):
            pass
        return False

    def reset(self):
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    def behave(self, stream, path):
        word, _, number = path[1:].partition("/")
        half = self.head(stream, 200) + frame(DATA, 0, stream, b"half")
        if word in ("ok", "leave"):
            self.send(self.head(stream, 200), frame(DATA, END_STREAM, stream, b"ok"))
        elif word == "status":
            self.send(self.head(stream, number, True))
        elif word == "slow":
            time.sleep(int(number) / 1000)
            self.send(self.head(stream, 200, True))
        elif word == "interim":
            self.send(self.head(stream, 103), self.head(stream, 200, True))
        elif word == "count":
            whole = self.bytes[stream] == self.lengths[stream]
            self.send(self.head(stream, 200 if whole else 400, True))
        elif word == "rst":
            self.send(frame(RST, 0, stream, struct.pack(">I", int(number))))
        elif word == "partial-rst":
            self.send(half, frame(RST, 0, stream, struct.pack(">I", 2)))
        elif word == "expel":
            self.send(frame(GOAWAY, 0, 0, struct.pack(">II", 0, 11) + b"too much"))
        elif word == "uppercase":
            self.send(self.head(stream, 200, True, [("Bad Name", "x")]))
        elif word == "nonsense":
            self.send(frame(WINDOW, 0, 0, b"abc"))
        elif word == "huge":
            self.send(b"\xff\xff\xff" + struct.pack(">BBI", DATA, 0, stream))
        elif word in ("half", "partial", "partial-reset"):
            self.send(half)
        if word == "partial-reset":
            self.send(frame(PING, 0, 0, bytes(8)))
        if word == "reset":
            return self.reset()
        return self.leave() if word in ("close", "partial", "expel") else True


listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
print(listener.getsockname()[1], flush=True)
while True:
    Guest(listener.accept()[0]).start()
