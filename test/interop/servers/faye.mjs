// faye-websocket. Text and binary are told apart by the type of `data`; pings are answered and not told of.
import { createServer } from 'node:http'
import FayeWebSocket from 'faye-websocket'
import permessageDeflate from 'permessage-deflate'
import { clientOf, commandOf, deflate, MAX_BYTES, SUBPROTOCOL, say } from './common.mjs'

const server = createServer()
server.listen(0, '127.0.0.1', () => say({ event: 'listening', port: server.address().port }))
server.on('upgrade', (request, socket, head) => {
  const extensions = deflate ? [permessageDeflate] : []
  const peer = new FayeWebSocket(request, socket, head, [SUBPROTOCOL], { maxLength: MAX_BYTES, extensions })
  const client = clientOf(request.url)
  peer.on('open', () => say({ event: 'open', client, subprotocol: peer.protocol }))
  peer.on('close', ({ code, reason }) => say({ event: 'close', client, code, reason }))
  peer.on('error', () => {}) // 'close' follows
  peer.on('message', ({ data }) => {
    const command = typeof data === 'string' ? commandOf(data) : undefined
    if (command === undefined) peer.send(data)
    else if (command.name === 'close') peer.close(Number(command.words[0]), command.words.slice(1).join(' '))
    else if (command.name === 'abort') socket.destroy()
    else if (command.name === 'ping') {
      const payload = command.words.join(' ')
      peer.ping(payload, () => say({ event: 'pong', client, payload: Buffer.from(payload).toString('hex') }))
    }
  })
})
