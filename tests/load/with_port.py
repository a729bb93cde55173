"""with_port.py COMMAND...: replaces {port} in a command by a free port, runs the command and, once
it listens there, prints the port."""
import os
import socket
import sys
import time

with socket.create_server(("127.0.0.1", 0)) as probe:
    port = probe.getsockname()[1]
server = os.getpid()
if os.fork() == 0:
    while os.getppid() == server:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            time.sleep(0.01)
            continue
        print(port, flush=True)
        break
    os._exit(0)
os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
command = [argument.replace("{port}", str(port)) for argument in sys.argv[1:]]
os.execvp(command[0], command)
