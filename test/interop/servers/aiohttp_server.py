# aiohttp. Refuses messages above 4 MiB by default, and answers a CLOSE with 1000 whatever code it brought.
import asyncio

from aiohttp import WSMsgType, web
from common import DEFLATE, SUBPROTOCOL, command_of, exit_with_stdin, say


async def echo(request):
    client = request.query.get("client")
    peer = web.WebSocketResponse(
        protocols=(SUBPROTOCOL,), compress=DEFLATE, max_msg_size=0, autoping=False
    )
    await peer.prepare(request)
    say(event="open", client=client, subprotocol=peer.ws_protocol or "")
    code, reason = None, ""
    while True:
        message = await peer.receive()
        if message.type == WSMsgType.TEXT:
            command = command_of(message.data)
            if command is None:
                await peer.send_str(message.data)
            else:
                await run(request, peer, *command)
        elif message.type == WSMsgType.BINARY:
            await peer.send_bytes(message.data)
        elif message.type == WSMsgType.PING:
            say(event="ping", client=client, payload=message.data.hex())
            await peer.pong(message.data)
        elif message.type == WSMsgType.PONG:
            say(event="pong", client=client, payload=message.data.hex())
        elif message.type == WSMsgType.CLOSE:
            code, reason = message.data, message.extra or ""
            break
        else:
            break
    say(event="close", client=client, code=code or peer.close_code or 1006, reason=reason)
    return peer


async def run(request, peer, name, words):
    if name == "close":
        await peer.close(code=int(words[0]), message=" ".join(words[1:]).encode())
    elif name == "ping":
        await peer.ping(" ".join(words).encode())
    elif name == "abort":
        request.transport.abort()


async def main():
    app = web.Application()
    app.router.add_get("/{path:.*}", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    say(event="listening", port=runner.addresses[0][1])
    await asyncio.Event().wait()


if __name__ == "__main__":
    exit_with_stdin()
    asyncio.run(main())
