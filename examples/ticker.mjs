// A ticker that heals: an exchange in this process, a feed that subscribes, and a connection that breaks in the middle.
// Run with: node examples/ticker.mjs
import { connect } from 'shared-ws'
import { EmbeddedExchange } from 'shared-ws/testing'

const exchange = await EmbeddedExchange.start({ rate: 20 })
const feed = connect(exchange.url, {
  subscriptions: {
    items: ['ticker.BTC-PERPETUAL.100ms'],
    encode: (channels, id) => ({ jsonrpc: '2.0', id, method: 'public/subscribe', params: { channels } }),
  },
  staleAfterMs: 10_000, // application data, not pongs
})
process.once('SIGINT', () => feed.close())

let prices = 0
for await (const e of feed) {
  switch (e.kind) {
    case 'message': {
      const ticker = e.json().params?.data
      if (ticker === undefined) break // the answer to the subscription
      console.log(e.connection, e.receivedAtUs, ticker.best_bid_price, ticker.best_ask_price)
      prices++
      if (prices === 5) exchange.drop()
      if (prices === 10) feed.close()
      break
    }
    case 'gap':
      console.warn('missed data', e.fromUs, e.toUs, e.cause.code)
      break
    default:
      console.info(e.kind) // connected, resumed, stale, backpressure, …
  }
}
console.log('closed:', (await feed.closed()).reason)
await exchange.stop()
