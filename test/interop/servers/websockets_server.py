# websockets. Refuses messages above 1 MiB by default, and pings every 20 s. Answers pings and does not tell of them.
import asyncio

import websockets
from common import DEFLATE, SUBPROTOCOL, command_of, exit_with_stdin, fragments, say


async def echo(peer):
    client = peer.path.partition("client=")[2]
    say(event="open", client=client, subprotocol=peer.subprotocol or "")
    try:
        async for message in peer:
            command = command_of(message) if isinstance(message, str) else None
            if command is None:
                await peer.send(message)
            else:
                await run(peer, client, *command)
    except websockets.ConnectionClosed:
        pass
    say(event="close", client=client, code=peer.close_code, reason=peer.close_reason)


async def run(peer, client, name, words):
    if name == "close":
        await peer.close(int(words[0]), " ".join(words[1:]))
    elif name == "ping":
        payload = " ".join(words)
        pong = await peer.ping(payload)
        pong.add_done_callback(lambda done: say_pong(done, client, payload))
    elif name == "fragments":
        await peer.send(fragments(int(words[0]), int(words[1])))
    elif name == "abort":
        peer.transport.abort()


def say_pong(done, client, payload):
    if not done.cancelled() and done.exception() is None:
        say(event="pong", client=client, payload=payload.encode().hex())


async def main():
    server = await websockets.serve(
        echo,
        "127.0.0.1",
        0,
        subprotocols=[SUBPROTOCOL],
        compression="deflate" if DEFLATE else None,
        max_size=None,
        ping_interval=None,
    )
    say(event="listening", port=server.sockets[0].getsockname()[1])
    await asyncio.Event().wait()


if __name__ == "__main__":
    exit_with_stdin()
    asyncio.run(main())
