// websocket (WebSocket-Node). Refuses frames above 64 KiB and messages above 1 MiB by default, cuts what it sends into
// frames of 16 KiB, and pings every 20 s. It has no permessage-deflate.
import { createServer } from 'node:http'
import websocket from 'websocket'
import { clientOf, commandOf, fragments, MAX_BYTES, SUBPROTOCOL, say } from './common.mjs'

const http = createServer()
http.listen(0, '127.0.0.1', () => say({ event: 'listening', port: http.address().port }))
const server = new websocket.server({
  httpServer: http,
  keepalive: false,
  maxReceivedFrameSize: MAX_BYTES,
  maxReceivedMessageSize: MAX_BYTES,
})
server.on('request', (request) => {
  const subprotocol = request.requestedProtocols.includes(SUBPROTOCOL) ? SUBPROTOCOL : undefined
  const peer = request.accept(subprotocol)
  const client = clientOf(request.resource)
  say({ event: 'open', client, subprotocol: subprotocol ?? '' })
  peer.on('ping', (_cancel, payload) => say({ event: 'ping', client, payload: payload.toString('hex') }))
  peer.on('pong', (payload) => say({ event: 'pong', client, payload: payload.toString('hex') }))
  peer.on('close', (code, reason) => say({ event: 'close', client, code, reason }))
  peer.on('error', () => {}) // 'close' follows
  peer.on('message', (message) => {
    const command = message.type === 'utf8' ? commandOf(message.utf8Data) : undefined
    if (command !== undefined) run(peer, command)
    else if (message.type === 'utf8') peer.sendUTF(message.utf8Data)
    else peer.sendBytes(message.binaryData)
  })
})

function run(peer, { name, words }) {
  if (name === 'close') peer.close(Number(words[0]), words.slice(1).join(' '))
  if (name === 'ping') peer.ping(words.join(' '))
  if (name === 'abort') peer.socket.destroy()
  if (name === 'fragments') {
    peer.config.fragmentationThreshold = Number(words[0])
    peer.sendBytes(Buffer.concat([...fragments(Number(words[0]), Number(words[1]))].map(({ bytes }) => bytes)))
  }
}
