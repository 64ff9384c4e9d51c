// ws, the field's own. Limits messages to 100 MiB by default and never pings by itself.
import { WebSocketServer } from 'ws'
import { clientOf, commandOf, deflate, fragments, MAX_BYTES, SUBPROTOCOL, say } from './common.mjs'

const server = new WebSocketServer({
  host: '127.0.0.1',
  port: 0,
  maxPayload: MAX_BYTES,
  perMessageDeflate: deflate,
  handleProtocols: (offered) => offered.has(SUBPROTOCOL) && SUBPROTOCOL,
})
server.on('listening', () => say({ event: 'listening', port: server.address().port }))
server.on('connection', (socket, request) => {
  const client = clientOf(request.url)
  say({ event: 'open', client, subprotocol: socket.protocol })
  socket.on('ping', (payload) => say({ event: 'ping', client, payload: payload.toString('hex') }))
  socket.on('pong', (payload) => say({ event: 'pong', client, payload: payload.toString('hex') }))
  socket.on('close', (code, reason) => say({ event: 'close', client, code, reason: String(reason) }))
  socket.on('error', () => {}) // 'close' follows
  socket.on('message', (data, binary) => {
    const command = binary ? undefined : commandOf(String(data.subarray(0, 256)))
    if (command === undefined) socket.send(data, { binary })
    else run(socket, command)
  })
})

function run(socket, { name, words }) {
  if (name === 'close') socket.close(Number(words[0]), words.slice(1).join(' '))
  if (name === 'ping') socket.ping(words.join(' '))
  if (name === 'abort') socket.terminate()
  if (name === 'fragments') {
    for (const { bytes, last } of fragments(Number(words[0]), Number(words[1]))) socket.send(bytes, { fin: last })
  }
}
