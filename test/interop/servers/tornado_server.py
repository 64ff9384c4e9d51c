# tornado. Refuses messages above 10 MiB by default.
import asyncio

from common import DEFLATE, SUBPROTOCOL, command_of, exit_with_stdin, say
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Echo(WebSocketHandler):
    def select_subprotocol(self, subprotocols):
        return SUBPROTOCOL if SUBPROTOCOL in subprotocols else None

    def get_compression_options(self):
        return {} if DEFLATE else None

    def check_origin(self, origin):
        return True

    def open(self, *_):
        self.client = self.get_query_argument("client", None)
        say(event="open", client=self.client, subprotocol=self.selected_subprotocol or "")

    def on_message(self, message):
        command = command_of(message) if isinstance(message, str) else None
        if command is None:
            return self.write_message(message, binary=isinstance(message, bytes))
        name, words = command
        if name == "close":
            self.close(int(words[0]), " ".join(words[1:]))
        elif name == "ping":
            self.ping(" ".join(words).encode())
        elif name == "abort":
            self.ws_connection.stream.close()

    def on_ping(self, data):
        say(event="ping", client=self.client, payload=data.hex())

    def on_pong(self, data):
        say(event="pong", client=self.client, payload=data.hex())

    def on_close(self):
        code, reason = self.close_code or 1006, self.close_reason or ""
        say(event="close", client=self.client, code=code, reason=reason)


async def main():
    app = Application([(r"/.*", Echo)], websocket_max_message_size=64 * 1024 * 1024)
    server = HTTPServer(app)
    sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    say(event="listening", port=sockets[0].getsockname()[1])
    await asyncio.Event().wait()


if __name__ == "__main__":
    exit_with_stdin()
    asyncio.run(main())
