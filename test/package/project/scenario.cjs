// What a user's first program does, over TCP and over TLS, against a plain `ws` server. Prints one line of JSON. Nothing
// ends the process but that nothing is left to do.
const { readFileSync } = require('node:fs')
const { createServer: createHttpServer } = require('node:http')
const { createServer: createHttpsServer } = require('node:https')
const { once } = require('node:events')
const { join } = require('node:path')
const { WebSocketServer } = require('ws')

// How quick a busy machine is, is not what is tested.
const ms = 30_000
const PATIENT = {
  closeTimeoutMs: ms,
  timeouts: { dnsMs: ms, tcpMs: ms, tlsMs: ms, upgradeMs: ms, totalMs: ms },
}

const pem = (name) => readFileSync(join(__dirname, 'tls', name), 'utf8')

async function echo(connect, server, scheme, options) {
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  const connection = connect(`${scheme}://localhost:${server.address().port}/`, {
    native: 'require',
    ...PATIENT,
    ...options,
  })
  const events = []
  for await (const event of connection) {
    events.push(event.kind === 'message' ? event.text() : event.kind)
    if (event.kind === 'connected') connection.send('héllo')
    if (event.kind === 'message') connection.close()
  }
  const { closeCode } = await connection.closed()
  sockets.close()
  server.close()
  return { transport: connection.transportName, events, closeCode }
}

async function smoke(connect, nativeInfo) {
  const tcp = await echo(connect, createHttpServer(), 'ws', {})
  const https = createHttpsServer({ cert: pem('localhost.pem'), key: pem('localhost.key') })
  const tls = await echo(connect, https, 'wss', { tls: { ca: pem('ca.pem') } })
  console.log(JSON.stringify({ native: nativeInfo(), tcp, tls }))
}

module.exports = { echo, smoke }
