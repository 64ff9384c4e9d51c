// What the compiler must refuse. A line that it accepts fails the test, because its directive is then unused.
import { connect, nativeInfo } from 'shared-ws'

// @ts-expect-error: misspelt option
connect('wss://example.com', { subprotocol: ['v1'] })
// @ts-expect-error: no such transport
connect('wss://example.com', { transport: 'nativ' })
// @ts-expect-error: no such policy
connect('wss://example.com', { queue: { whenFull: 'drop-newest' } })
// @ts-expect-error: the unit is in the name
connect('wss://example.com', { timeouts: { total: 1000 } })
// @ts-expect-error: options of the socket have a place of their own
connect('wss://example.com', { noDelay: false })
// @ts-expect-error: no such format
connect('wss://example.com', { inflateBinary: 'zip' })
// @ts-expect-error: misspelt parameter
connect('wss://example.com', { perMessageDeflate: { maxWindowBits: 9 } })
// @ts-expect-error: none is null, and has to be said
connect('wss://example.com', { proxy: () => undefined })
// @ts-expect-error: a URL is a must
connect()

const connection = connect('wss://example.com')
// @ts-expect-error: not a payload
connection.send({ method: 'SUBSCRIBE' })
// @ts-expect-error: the unit is in the name
connection.send('late', { ttl: 500 })
// @ts-expect-error: the state is the connection's own
connection.state = 'open'
// @ts-expect-error: what native serves is not the user's to change
nativeInfo().loaded = true

export async function events() {
  for await (const event of connection) {
    // @ts-expect-error: only a message has a text
    event.text()
    // @ts-expect-error: there is no such event
    if (event.kind === 'reconnected') continue
  }
}
