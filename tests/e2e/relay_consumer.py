"""A consumer of a relay on Debian's python3-websockets: notes every event it reads, as "number
length" lines, and how each connection ended. Usage: relay_consumer.py URL OUTPUT [OPTION...]
  cursor     come back with ?cursor=LAST after a lost connection
  unix=PATH  connect to a unix socket
  pause=S    read nothing for so long after the first hundred events"""
import asyncio
import json
import sys

import websockets


async def read(socket, output, state, options):
    async for message in socket:
        try:
            number = json.loads(message)["seq"]
        except (ValueError, KeyError, TypeError):
            number = "garbage"
        else:
            state["last"] = int(number)
        print(number, len(message), file=output, flush=True)
        state["count"] += 1
        if state["count"] == 100 and "pause" in options:
            await asyncio.sleep(float(options["pause"]))


async def consume(url, output, options):
    state = {"count": 0}
    while True:
        address = url
        if "cursor" in options and "last" in state:
            address += f"?cursor={state['last']}"
        keywords = {"max_size": None, "compression": None, "ping_interval": None,
                    "close_timeout": 0.2}
        try:
            connect = (websockets.unix_connect(options["unix"], address, **keywords)
                       if "unix" in options else websockets.connect(address, **keywords))
            async with connect as socket:
                print("open", 0, file=output, flush=True)
                print("connected", flush=True)
                await read(socket, output, state, options)
                print("end", socket.close_code, socket.close_reason, file=output, flush=True)
        except (OSError, websockets.WebSocketException) as error:
            print("end", type(error).__name__, error, file=output, flush=True)
            await asyncio.sleep(0.05)


arguments = dict((text.split("=") + [""])[:2] for text in sys.argv[3:])
with open(sys.argv[2], "w") as file:
    asyncio.run(consume(sys.argv[1], file, arguments))
