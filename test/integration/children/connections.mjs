// A process of its own that does one thing with connections, then has nothing left to do. Prints what it saw.
//   node connections.mjs ENTRY TRANSPORT SCENARIO URL
const [entry, transport, scenario, url] = process.argv.slice(2)
const { connect } = await import(entry)

/** Enough messages to be sure that traffic is under way. */
const BUSY = 200

const scenarios = {
  async 'use and close'() {
    const connection = connect(url, { transport, onMessage: () => {} })
    await connection.ready()
    connection.send('hello')
    await connection.ping()
    report(await connection.close())
  },

  async 'leave the loop'() {
    const connection = connect(url, { transport })
    let messages = 0
    for await (const event of connection) if (event.kind === 'message' && ++messages === BUSY) break
    report(await connection.closed())
  },

  async 'wait for the server to end it'() {
    const connection = connect(url, { transport, reconnect: false, onMessage: () => {} })
    await connection.ready()
    console.log('open')
    report(await connection.closed())
  },

  async 'heal, then close'() {
    const reconnect = { nextDelayMs: () => 5, reset() {} }
    const subscriptions = { items: ['a'], encode: (items) => items }
    const connection = connect(url, { transport, reconnect, subscriptions, staleAfterMs: 60_000, onMessage() {} })
    for await (const event of connection) {
      if (event.kind !== 'connected') continue
      if (event.connection === 3) break
      connection.reconnect()
    }
    report(await connection.closed())
  },

  async 'close while backing off'() {
    const reconnect = { nextDelayMs: () => 1e9, reset() {} }
    const connection = connect(url.replace(/:\d+\//, ':1/'), { transport, reconnect })
    for await (const event of connection) if (event.kind === 'disconnected') break
    report(await connection.closed())
  },

  async fail() {
    // Nobody waits for it, and nothing else keeps the process alive.
    const connection = connect(url, { transport, reconnect: false, timeouts: { tlsMs: 200, upgradeMs: 200 } })
    connection.closed().then(report)
  },

  async 'close while connecting'() {
    const connection = connect(url, { transport })
    setTimeout(() => void connection.close(), 50)
    report(await connection.closed())
  },

  async 'abort while connecting'() {
    const connection = connect(url, { transport, signal: AbortSignal.timeout(50) })
    report(await connection.closed())
  },

  async 'hang in a function of the user'() {
    const connection = connect(() => new Promise(() => {}), { transport, reconnect: false, timeouts: { totalMs: 100 } })
    report(await connection.closed())
  },

  async 'pause and close'() {
    const connection = connect(url, { transport, queue: { maxMessages: 10 } })
    while (connection.stats().queuedMessages < 10) await new Promise((resolve) => setTimeout(resolve, 5))
    report(await connection.close())
  },

  async 'ready gives up first'() {
    const connection = connect(url, { transport, reconnect: false, timeouts: { upgradeMs: 300 } })
    await connection.ready({ timeoutMs: 50 }).catch((error) => console.log(error.code))
    report(await connection.closed())
  },

  async 'process.exit'() {
    whenBusy(() => process.exit(7))
  },

  async 'an exception'() {
    whenBusy(() => {
      throw new Error('user code failed outside any callback')
    })
  },
}

await scenarios[scenario]()

function report({ cause }) {
  console.log(`${cause.kind} ${cause.code}`)
}

/** Several connections in full traffic, both ways; `then` runs as a task of its own. */
function whenBusy(then) {
  let messages = 0
  for (let i = 0; i < 4; i++) {
    const connection = connect(url, {
      transport,
      onOpen: () => connection.sendBatch(Array(50).fill('x'.repeat(1000))),
      onBatch: (batch) => {
        const before = messages
        messages += batch.length
        connection.send('x')
        if (before < BUSY && messages >= BUSY) setImmediate(then)
      },
    })
  }
}
