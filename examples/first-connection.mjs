// A feed from a server in this process, over a real WebSocket: connect, read, answer, close.
// Run with: node examples/first-connection.mjs
import { connect, nativeInfo } from 'shared-ws'
import { WebSocketServer } from 'ws'

const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
server.on('connection', (client) => {
  let price = 100_000
  const ticker = setInterval(() => {
    price += Math.round(Math.random() * 20 - 10)
    client.send(JSON.stringify({ channel: 'ticker', price }))
  }, 100)
  client.on('message', (text) => client.send(JSON.stringify({ channel: 'echo', text: String(text) })))
  client.on('close', () => clearInterval(ticker))
})
await new Promise((resolve) => server.once('listening', resolve))

const feed = connect(`ws://127.0.0.1:${server.address().port}/`, { signal: AbortSignal.timeout(10_000) })
let tickers = 0
for await (const event of feed) {
  switch (event.kind) {
    case 'connected':
      console.log(`connected over ${feed.transportName} (addon: ${nativeInfo().origin})`)
      feed.send('hello')
      break
    case 'message':
      console.log(new Date(event.receivedAtUs / 1000).toISOString(), event.json())
      if (++tickers === 5) feed.close()
      break
    default:
      console.log(event.kind)
  }
}
console.log('closed:', (await feed.closed()).reason)
server.close()
