"""A parent process that holds the listening socket of the service, as systemd does (socket activation).

The service gets the socket as standard input. While no service runs, connections wait in the kernel.
"""

import os
import socket
import subprocess

BACKLOG = 4096


def listen(port, address="127.0.0.1", backlog=BACKLOG):
    """Opens the listening socket. Port 0 takes any free one."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(backlog)
    return listener


def start(command, listener, env=None, **options):
    """Starts a program with the listening socket as its standard input. The options are those of Popen."""
    return subprocess.Popen(command, stdin=listener, env=os.environ if env is None else env, **options)
