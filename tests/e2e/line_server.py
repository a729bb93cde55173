"""Answers each line with "ok" and writes the lines to a file when asked to stop. Usage:
line_server.py PORT OUTPUT"""
import asyncio
import signal
import sys


async def main():
    lines = []

    async def serve(reader, writer):
        while line := await reader.readline():
            lines.append(line.strip())
            writer.write(b"ok\n")
        writer.close()

    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    server = await asyncio.start_server(serve, "0.0.0.0", int(sys.argv[1]))
    await stopped.wait()
    server.close()
    with open(sys.argv[2], "wb") as file:
        file.write(b"\n".join(lines))


asyncio.run(main())
