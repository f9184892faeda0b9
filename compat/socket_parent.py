"""Holds the listening socket of a service through its restarts, as systemd does with socket activation."""

import socket
import subprocess


def listen(port):
    return socket.create_server(("127.0.0.1", port), backlog=4096)


def start(command, listener, env):
    """The service gets the socket as file descriptor 0."""
    return subprocess.Popen(command, stdin=listener.fileno(), env=env)
