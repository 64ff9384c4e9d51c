// uWebSockets.js. By default a message may have 16 KiB and what waits for a slow reader 64 KiB, beyond which it is dropped
// without a word to the reader: a server that sends large snapshots must raise both.
import uws from 'uWebSockets.js'
import { clientOf, commandOf, deflate, freePort, MAX_BYTES, SUBPROTOCOL, say } from './common.mjs'

const port = await freePort()
const text = (bytes) => Buffer.from(bytes).toString()
const hex = (bytes) => Buffer.from(bytes).toString('hex')

uws
  .App()
  .ws('/*', {
    compression: deflate ? uws.DEDICATED_COMPRESSOR | uws.DEDICATED_DECOMPRESSOR : uws.DISABLED,
    maxPayloadLength: MAX_BYTES,
    maxBackpressure: MAX_BYTES,
    upgrade(response, request, context) {
      const offered = request.getHeader('sec-websocket-protocol').split(/\s*,\s*/)
      response.upgrade(
        { client: clientOf(`/?${request.getQuery()}`), subprotocol: offered.includes(SUBPROTOCOL) ? SUBPROTOCOL : '' },
        request.getHeader('sec-websocket-key'),
        offered.includes(SUBPROTOCOL) ? SUBPROTOCOL : '',
        request.getHeader('sec-websocket-extensions'),
        context,
      )
    },
    open(socket) {
      const { client, subprotocol } = socket.getUserData()
      say({ event: 'open', client, subprotocol })
    },
    ping: (socket, payload) => say({ event: 'ping', client: socket.getUserData().client, payload: hex(payload) }),
    pong: (socket, payload) => say({ event: 'pong', client: socket.getUserData().client, payload: hex(payload) }),
    close(socket, code, reason) {
      say({ event: 'close', client: socket.getUserData().client, code, reason: text(reason) })
    },
    message(socket, message, binary) {
      const command = binary ? undefined : commandOf(text(message.slice(0, 256)))
      if (command === undefined) socket.send(message, binary, deflate)
      else run(socket, command)
    },
  })
  .listen('127.0.0.1', port, (token) => {
    if (!token) throw new Error(`uWebSockets.js cannot listen on port ${port}`)
    say({ event: 'listening', port })
  })

function run(socket, { name, words }) {
  if (name === 'close') socket.end(Number(words[0]), words.slice(1).join(' '))
  if (name === 'ping') socket.ping(words.join(' '))
  if (name === 'abort') socket.close()
}
