// uWebSockets.js as an echo server, where it loads. Speaks as bench/native/blaster.c does: its port on a line, then one
// line for each connection that ended.
import { createServer } from 'node:net'

const say = (/** @type {object} */ line) => process.stdout.write(`${JSON.stringify(line)}\n`)

/** @type {any} */
let uws
try {
  uws = (await import('uWebSockets.js')).default
} catch (error) {
  say({ unavailable: `uWebSockets.js does not load here (${String(error).split('\n')[0]})` })
  process.exit(0)
}

// This version cannot tell which port it was given, so one is found for it.
const port = await new Promise((resolve) => {
  const probe = createServer().listen(0, '127.0.0.1', () => {
    const { port } = /** @type {import('node:net').AddressInfo} */ (probe.address())
    probe.close(() => resolve(port))
  })
})

uws
  .App()
  .ws('/echo', {
    compression: uws.DISABLED,
    maxPayloadLength: 64 * 1024,
    upgrade(res, req, context) {
      const run = Number(new URLSearchParams(req.getQuery()).get('run'))
      res.upgrade(
        { run, messages: 0, sum: 0 },
        req.getHeader('sec-websocket-key'),
        req.getHeader('sec-websocket-protocol'),
        req.getHeader('sec-websocket-extensions'),
        context,
      )
    },
    message(ws, message, isBinary) {
      const data = ws.getUserData?.() ?? ws
      data.messages++
      data.sum += (new Uint8Array(message)[0] ?? 0) + message.byteLength
      ws.send(message, isBinary)
    },
    close(ws) {
      const { run, messages, sum } = ws.getUserData?.() ?? ws
      say({ run, mode: '/echo', messages, sum, error: '' })
    },
  })
  .listen('127.0.0.1', port, (token) => {
    if (!token) throw new Error(`uWebSockets.js cannot listen on port ${port}`)
    say({ plain: port, tls: 0 })
  })

process.stdin.on('end', () => process.exit(0)).resume()
