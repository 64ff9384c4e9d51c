# What the Python servers share; see README.md.
import json
import os
import sys
import threading

SUBPROTOCOL = "interop.v2"
DEFLATE = "--deflate" in sys.argv


def say(**line):
    print(json.dumps(line), flush=True)


def command_of(text):
    """Splits a command from its words; None for what is to be echoed."""
    if not text.startswith("!"):
        return None
    name, *words = text[1:].split(" ")
    return name, words


def fragments(size, total):
    for start in range(0, total, size):
        yield bytes(i % 251 for i in range(start, min(start + size, total)))


def exit_with_stdin():
    def wait():
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()
