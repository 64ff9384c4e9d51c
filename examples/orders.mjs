// Orders, and what became of each: an exchange in this process, a connection that authenticates, subscribes, places orders,
// loses its connection in the middle, heals, and tells the truth about every one of them.
// Run with: node examples/orders.mjs
import { connect } from 'shared-ws'
import { EmbeddedExchange, JsonRpcDelegatedEndpoint } from 'shared-ws/testing'

const exchange = await EmbeddedExchange.start({ rate: 20 })
let prices = 0
const endpoint = new JsonRpcDelegatedEndpoint({
  credentials: async () => ({ clientId: 'demo', clientSecret: 'demo-secret' }), // asked for per connection
  onMessage: () => prices++,
})
const venue = connect(exchange.url, {
  handler: endpoint,
  subscriptionManager: endpoint,
  subscriptions: ['ticker.BTC-PERPETUAL.100ms'],
  onEvent: (event) => console.log('  event:', event.kind),
})
venue.onLateReply((outcome) => console.log('  late truth:', outcome.requestId, outcome.kind))
await venue.ready({ timeoutMs: 10_000 })

const rpc = (method, params) => (id) => JSON.stringify({ jsonrpc: '2.0', id, method, params })
const buy = (label) =>
  venue.ask({
    frame: rpc('private/buy', { instrument_name: 'BTC-PERPETUAL', amount: 10, type: 'limit', price: 20_000, label }),
    confirmMode: 'confirmed',
    timeoutMs: 1_000,
    sendWithinMs: 50,
  })

function tell(label, outcome) {
  switch (outcome.kind) {
    case 'confirmed':
      return console.log(label, 'accepted as', outcome.reply.field('result.order.order_id'))
    case 'rejected':
      return console.log(label, 'refused:', outcome.code, outcome.message)
    case 'not-delivered':
      return console.log(label, 'never left, safe to resend:', outcome.reason)
    default: // unconfirmed: it may be live, so ask, do not resend
      return console.log(label, outcome.kind, 'because of', outcome.reason)
  }
}

tell('q-1', await buy('q-1'))
exchange.setFate('q-2', 'rejected')
tell('q-2', await buy('q-2'))

exchange.setFate('q-3', 'never') // the exchange takes it and says nothing; then the connection breaks
const third = buy('q-3')
setTimeout(() => exchange.drop(), 100)
const outcome = await third
tell('q-3', outcome)

await venue.ready({ timeoutMs: 10_000 }) // it heals by itself: authenticated and subscribed again
if (outcome.kind === 'unconfirmed') {
  const probe = await venue.ask({
    frame: rpc('private/get_order_state_by_label', { currency: 'BTC', label: 'q-3' }),
    confirmMode: 'confirmed',
    timeoutMs: 1_000,
  })
  console.log('q-3 is', probe.kind === 'confirmed' ? probe.reply.field('result.0.order_state') : probe.kind)
  if (probe.kind === 'confirmed') venue.settle(outcome.requestId, probe.reply)
}
console.log(
  `${venue.stats().disconnects} disconnect, ${prices} prices, ${venue.unresolved().length} requests unresolved`,
)
await venue.drain({ timeoutMs: 1_000 })
await venue.close()
await exchange.stop()
