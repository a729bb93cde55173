"""A server on Debian's python3-websockets for clients. Usage: websocket_server.py PORT
  /echo      answers each message with itself        /twice   with two
  /close     closes with 1011 and words              /deny    refuses the handshake with 403
  /silent    reads and never answers                 /push    pushes 1000 messages of 4 KB unasked
"""
import asyncio
import http
import sys

import websockets


async def serve(socket, path):
    path = path.partition("?")[0]
    if path == "/push":
        for _ in range(1000):
            await socket.send(b"x" * 4096)
    async for message in socket:
        if path == "/close":
            await socket.close(1011, "out of paper")
        elif path in ("/echo", "/twice"):
            for _ in range(2 if path == "/twice" else 1):
                await socket.send(message)


async def deny(path, _headers):
    return (http.HTTPStatus.FORBIDDEN, [], b"no\n") if path == "/deny" else None


async def main():
    async with websockets.serve(serve, "127.0.0.1", int(sys.argv[1]), process_request=deny,
                                compression=None, max_size=None):
        print("listening", flush=True)
        await asyncio.Future()


asyncio.run(main())
