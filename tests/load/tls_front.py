"""tls_front.py DIRECTORY PORT: takes off the TLS of what comes, with the certificate DIRECTORY/cert and
its key, and passes it on to PORT. Prints its own."""
import socket
import ssl
import sys
import threading

CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
CONTEXT.load_cert_chain(f"{sys.argv[1]}/cert", f"{sys.argv[1]}/key")


def pass_on(source, target):
    try:
        while got := source.recv(65536):
            target.sendall(got)
        target.shutdown(socket.SHUT_RDWR)
        source.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def serve(peer):
    try:
        peer = CONTEXT.wrap_socket(peer, server_side=True)
        behind = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
    except OSError:
        peer.close()
        return
    threading.Thread(target=pass_on, args=(behind, peer), daemon=True).start()
    pass_on(peer, behind)


listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
