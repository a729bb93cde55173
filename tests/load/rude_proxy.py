"""rude_proxy.py REPLY: a proxy that answers every CONNECT with REPLY ("403 Forbidden"), or with
"close" not at all. Prints its port."""
import socket
import sys
import threading


def serve(peer):
    with peer:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            if not (got := peer.recv(4096)):
                return
            head += got
        if sys.argv[1] != "close":
            peer.sendall(f"HTTP/1.1 {sys.argv[1]}\r\nProxy-Authenticate: Basic realm=x\r\n"
                         "Content-Length: 0\r\n\r\n".encode())
            peer.recv(1)


listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
