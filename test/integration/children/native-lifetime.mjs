// Links of the native transport, without connect() above them, in situations that end badly where memory has the wrong
// owner. Each scenario is a process of its own, so that a crash is seen as one; it prints one line of JSON.
//   node native-lifetime.mjs ENTRY SCENARIO [ARGUMENT]
import { readdirSync, readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { isMainThread, MessageChannel, parentPort, Worker, workerData } from 'node:worker_threads'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc')
const turn = () => new Promise((resolve) => setImmediate(resolve))
const fixture = (name) => readFileSync(new URL(`../../fixtures/tls/${name}`, import.meta.url))

const [entry, scenario, argument] = isMainThread ? process.argv.slice(2) : workerData.argv
const load = (path) => import(new URL(path, entry).href)
const { nativeTransport } = await load('transport/native.js')
const { loadNative } = await load('native/load.js')
const { systemClock: clock } = await load('support/clock.js')
const { systemRandom: random } = await load('support/random.js')

const OTHER_TOPICS = Array.from({ length: 50 }, (_, i) => `${'topic '.repeat(20)}${i}`)

/** A link to `url`; resolves when it is open. `events` as in the transport contract. */
function open(url, events = {}, addresses = ['127.0.0.1'], more = {}) {
  const limits = { maxFrameBytes: 2 ** 24, maxMessageBytes: 2 ** 24, maxLinkBytes: 65536 }
  const timeouts = {
    dnsMs: 30000,
    tcpMs: 30000,
    proxyMs: 30000,
    tlsMs: 30000,
    upgradeMs: 30000,
    totalMs: 30000,
    attemptDelayMs: 250,
  }
  const lookup = async () => addresses.map((address) => ({ address, family: 4 }))
  const tls = { ca: fixture('ca.pem') }
  const headers = []
  const subprotocols = []
  const base = { headers, subprotocols, tls, lookup, family: 0, limits, timeouts, socket: {}, clock, random }
  // What flood() sends, and more than a few others: their table is shared with C++.
  const plan = { topic: '{stream}' }
  return new Promise((resolve, reject) => {
    const link = nativeTransport.connect(
      { ...base, plan, ...more, url: new URL(url) },
      {
        onMessages() {},
        onTopic() {},
        onPing() {},
        onPong() {},
        onWritable() {},
        ...events,
        onOpen: () => resolve(link),
        onEnd(cause) {
          events.onEnd?.(cause)
          reject(new Error(JSON.stringify(cause)))
        },
      },
    )
    // Told at once, and then known.
    for (const topic of ['depth', ...OTHER_TOPICS]) link.armTopic(link.watchTopic(topic))
  })
}

const DEFLATE = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: undefined,
  clientMaxWindowBits: true,
  compress: { thresholdBytes: 1000, level: 1, memLevel: 8 },
  required: true,
}

/** A server for ws: and wss:. `greet(socket)` runs for each connection. */
async function serve(greet, perMessageDeflate = false) {
  // Here, because Workers need neither.
  const { createServer } = await import('node:https')
  const { WebSocketServer } = await import('ws')
  const options = { perMessageDeflate, maxPayload: 2 ** 25 }
  const plain = new WebSocketServer({ ...options, host: '127.0.0.1', port: 0 })
  const https = createServer({ cert: fixture('localhost.pem'), key: fixture('localhost.key') })
  const secure = new WebSocketServer({ ...options, server: https })
  await new Promise((resolve) => https.listen(0, '127.0.0.1', resolve))
  for (const server of [plain, secure]) {
    server.on('connection', (socket) => {
      socket.on('error', () => {})
      greet(socket)
    })
  }
  const clients = () => [...plain.clients, ...secure.clients]
  return {
    ws: `ws://127.0.0.1:${plain.address().port}/`,
    wss: `wss://localhost:${https.address().port}/`,
    clients,
    close() {
      for (const socket of clients()) socket.terminate()
      plain.close()
      https.close()
      https.closeAllConnections()
    },
  }
}

/** Sends small messages, and now and then one larger than the slab, as long as the socket is open. */
function flood(socket) {
  let count = 0
  const small = JSON.stringify({ stream: 'depth', data: 'x'.repeat(200) })
  const large = 'L'.repeat(400_000)
  const send = () => {
    if (socket.readyState !== socket.OPEN) return
    if (socket.bufferedAmount < 2 ** 20) {
      for (let i = 0; i < 50; i++) socket.send(small)
      if (++count % 4 === 0) socket.send(large)
    }
    setTimeout(send, 1)
  }
  send()
}

const countInto = (counts) => (batch) => {
  counts.messages += batch.length
}

const scenarios = {
  /** `argument` rounds of 4 Workers, each with plain and TLS links, terminated at moments spread over their life. */
  async workers() {
    const server = await serve(flood)
    const own = { messages: 0 }
    const link = await open(server.wss, { onMessages: countInto(own) })
    let busy = 0
    for (let round = 0; round < Number(argument); round++) {
      const workers = Array.from({ length: 4 }, () => {
        const data = { argv: [entry, 'worker', JSON.stringify([server.ws, server.wss])] }
        const worker = new Worker(new URL(import.meta.url), { workerData: data })
        worker.once('message', () => busy++)
        return worker
      })
      // Some before they have loaded the addon, some while they connect, most in traffic.
      await Promise.all(
        workers.map(async (worker, i) => {
          if (i === 3) await new Promise((resolve) => setTimeout(resolve, round * 15))
          else await new Promise((resolve) => worker.once('message', resolve))
          for (let wait = 0; wait < (round * 7 + i) % 5; wait++) await turn()
          await worker.terminate()
        }),
      )
    }
    const before = own.messages
    while (own.messages < before + 100) await turn()
    const still = loadNative().addon.linkCount()
    link.terminate({ kind: 'local-stop' })
    server.close()
    return { enoughWereBusy: busy >= Number(argument) * 3, linksOfThisThread: still }
  },

  async worker() {
    let messages = 0
    const kept = []
    const urls = JSON.parse(argument)
    const onMessages = (batch) => {
      for (let i = 0; i < batch.length; i++) kept[messages++ % 100] = batch.at(i).bytes()
      if (messages >= 100) parentPort.postMessage('busy')
    }
    const links = await Promise.all([0, 1, 0, 1].map((which) => open(urls[which], { onMessages })))
    setInterval(() => {
      for (const link of links) link.offer('x'.repeat(1000))
    }, 0)
  },

  /** process.exit() from a timer, or from inside a delivery. */
  async exit() {
    const server = await serve(flood)
    let messages = 0
    const onMessages = (batch) => {
      messages += batch.length
      if (messages < 500) return
      if (argument === 'inside') process.exit(7)
      setImmediate(() => process.exit(7))
    }
    await Promise.all([server.ws, server.wss, server.ws].map((url) => open(url, { onMessages })))
    await new Promise(() => {})
  },

  /** Handlers that throw, with and without somebody who listens. */
  async throw() {
    const server = await serve(flood)
    const seen = { thrown: 0, caught: 0 }
    if (argument === 'caught') process.on('uncaughtException', () => seen.caught++)
    const thrower = await open(server.ws, {
      onMessages() {
        seen.thrown++
        throw new Error('from a handler')
      },
    })
    const own = { messages: 0 }
    const other = await open(server.ws, { onMessages: countInto(own) })
    while (seen.thrown < 50 || own.messages < 500) await turn()
    for (const link of [thrower, other]) link.terminate({ kind: 'local-stop' })
    await turn()
    server.close()
    return { everyOneSurfaced: seen.thrown === seen.caught }
  },

  /** Full collections inside deliveries, with views of the slab and of large messages held far longer than lent. */
  async gc() {
    const server = await serve(flood)
    const views = []
    let messages = 0
    let large = 0
    let wrong = 0
    let told = 0
    const check = (batch) => {
      for (let i = 0; i < batch.length; i++) {
        const frame = batch.at(i)
        const view = frame.bytes()
        if (i % 10 === 0) views.push(view)
        if (frame.byteLength > 300_000) {
          large++
          gc()
          if (view.byteLength !== 400_000 || view[0] !== 76 || view[399_999] !== 76) wrong++
        } else if (JSON.parse(frame.text()).stream !== 'depth') wrong++
      }
      messages += batch.length
      gc()
    }
    const onTopic = () => told++
    let links = await Promise.all([server.ws, server.wss].map((url) => open(url, { onMessages: check, onTopic })))
    while (messages < 2000 || large < 10) await turn()
    // Large messages have memory of their own, which views keep; those of the slab show whatever is there now.
    for (const view of views) {
      if (view.byteLength > 300_000 && !view.every((byte) => byte === 76)) wrong++
    }
    let sum = 0
    for (const view of views) for (const byte of view) sum += byte
    for (const link of links) {
      const depth = link.watchTopic('depth')
      link.terminate({ kind: 'local-stop' })
      if (link.topicSeenUs(depth) === 0) wrong++
    }
    if (told !== links.length) wrong++
    links = []
    server.close()
    await turn()
    gc()
    for (const view of views) for (const byte of view) sum += byte
    return { wrong, readable: sum > 0 }
  },

  /** The library's memory cannot be pulled from under C++. */
  async transfer() {
    const server = await serve(flood)
    const refused = { slab: [], block: [] }
    const { port1, port2 } = new MessageChannel()
    // Node 20 ignores the wish, later ones throw.
    const attempt = (names, name, buffer, steal) => {
      const size = buffer.byteLength
      try {
        steal()
      } catch (error) {
        if (error.name !== 'DataCloneError') throw error
      }
      names.push(`${name}: ${buffer.byteLength === size && size > 0 ? 'refused' : 'taken'}`)
    }
    let wrong = 0
    const onMessages = (batch) => {
      for (let i = 0; i < batch.length; i++) {
        const frame = batch.at(i)
        const where = frame.byteLength > 300_000 ? refused.block : refused.slab
        if (where.length > 0) continue
        const { buffer } = frame.bytes()
        attempt(where, 'structuredClone', buffer, () => structuredClone(0, { transfer: [buffer] }))
        attempt(where, 'postMessage', buffer, () => port1.postMessage(0, [buffer]))
        attempt(where, 'postMessage of a view', buffer, () => port1.postMessage(frame.bytes(), [buffer]))
        if (frame.text().length !== frame.byteLength) wrong++
      }
    }
    const link = await open(server.ws, { onMessages })
    while (refused.block.length === 0 || refused.slab.length === 0) await turn()
    link.terminate({ kind: 'local-stop' })
    server.close()
    port1.close()
    port2.close()
    return { ...refused, wrong }
  },

  /** Nobody holds the links: they go on, and when their servers leave, the process ends by itself. */
  async forgotten() {
    const server = await serve(flood)
    const seen = { messages: 0 }
    let ended = 0
    await (async () => {
      for (const url of [server.ws, server.wss, server.ws]) {
        await open(url, { onMessages: countInto(seen), onEnd: () => ended++ })
      }
    })()
    for (let i = 0; i < 20; i++) {
      const before = seen.messages
      while (seen.messages === before) await turn()
      gc()
    }
    server.close()
    while (loadNative().addon.linkCount() > 0) await turn()
    return { ended }
  },

  /** connect() itself refuses the last address, in a promise behind a delivery or in a process that is idle. */
  async unreachable() {
    const server = await serve(() => {})
    const url = server.ws.replace('127.0.0.1', 'venue.test') // a literal address is not looked up
    server.close()
    await turn()
    const codeOf = (addresses) => open(url, {}, addresses).catch((error) => JSON.parse(error.message).code)
    return [await codeOf(['127.0.0.1', '255.255.255.255']), await codeOf(['255.255.255.255'])]
  },

  /** `argument` connects and closes, half of them over TLS: nothing may add up. */
  // `argument`: how many, and of one kind alone if it is named: "10000 deflate". `report` tells of memory on the way.
  async cycles() {
    const [number, kind = 'all', report] = argument.split(' ')
    const count = Number(number)
    // Links that offer it compress both ways, plain and TLS.
    const welcome = (socket) => {
      socket.send('welcome '.repeat(500))
      socket.on('message', (text) => socket.send(text.toString()))
    }
    const server = await serve(welcome, { threshold: 1000, serverNoContextTakeover: false })
    const { addon } = loadNative()
    const fds = () => readdirSync('/proc/self/fd').length
    const cycle = (i) =>
      new Promise((resolve) => {
        const deflates = kind === 'deflate' || (kind === 'all' && i % 4 < 2)
        const url = kind === 'tls' || (kind === 'all' && i % 2 === 1) ? server.wss : server.ws
        let heard = 0
        const events = {
          async onMessages(batch) {
            heard += batch.length
            const link = await closing
            if (deflates && heard === 1) {
              link.offer('compressed, too '.repeat(500))
              return
            }
            const way = i % 3
            if (way === 0) link.terminate({ kind: 'local-stop' })
            else if (way === 1) link.close(1000, 'done', 5000)
            else for (const socket of server.clients()) socket.close(1001)
          },
          onEnd: resolve,
        }
        const options = deflates ? { perMessageDeflate: DEFLATE } : {}
        const closing = open(url, events, undefined, options)
        closing.catch(resolve)
      })
    const rest = async () => {
      // The server's ends close in their own time.
      while (addon.linkCount() > 0 || server.clients().length > 0) await turn()
      await turn()
      gc()
    }
    for (let i = 0; i < 60; i++) await cycle(i)
    await rest()
    const before = { fds: fds(), rss: process.memoryUsage.rss() }
    for (let i = 0; i < count; i++) {
      if (report !== undefined && i % Math.ceil(count / 10) === 0) {
        await rest()
        const { rss, heapUsed } = process.memoryUsage()
        const MB = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`
        console.error(`${i} cycles, ${kind}: heap ${MB(heapUsed)}, RSS ${MB(rss)}, ${fds()} fds`)
      }
      await cycle(i)
    }
    await rest()
    const after = { fds: fds(), rss: process.memoryUsage.rss() }
    server.close()
    await turn()
    const handles = process.getActiveResourcesInfo().filter((name) => !/^(PipeWrap|TTYWrap|Immediate|Close)/.test(name))
    // Allocators keep what they once had: a leak of a socket's buffers or a TLS session would be several times this.
    const perCycle = (after.rss - before.rss - 40e6) / count
    return { moreFds: Math.max(0, after.fds - before.fds), links: addon.linkCount(), leaks: perCycle > 4000, handles }
  },
}

const result = await scenarios[scenario]()
if (isMainThread) console.log(JSON.stringify(result))
