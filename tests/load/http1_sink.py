"""http1_sink.py [COUNT]: reads HTTP/1.1 requests of any size and answers each 200 when all of it has
come, or with COUNT not before all of so many have. Prints its port."""
import re
import resource
import socket
import sys
import threading

resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
ALL = threading.Barrier(int(sys.argv[1]) if len(sys.argv) > 1 else 1)


def serve(peer):
    buffer = memoryview(bytearray(1 << 20))
    while got := peer.recv_into(buffer):
        head = bytes(buffer[:got]).partition(b"\r\n\r\n")
        left = int(re.search(rb"Content-Length: (\d+)", head[0])[1]) - len(head[2])
        # The body is thrown away where it is, in the kernel, so as not to be slower than its sender.
        while left and (got := peer.recv_into(buffer, min(left, len(buffer)), socket.MSG_TRUNC)):
            left -= got
        if left:
            break
        ALL.wait()
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
