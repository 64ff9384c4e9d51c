// A Worker connects and is terminated while messages stream in; then another one, to show that the addon still loads.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { WebSocketServer } from 'ws'

const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
await once(server, 'listening')
server.on('connection', (socket) => {
  const stream = () => socket.send('x'.repeat(150), (error) => error || setImmediate(stream))
  stream()
  socket.on('error', () => {})
})

const origins = []
for (let i = 0; i < 2; i++) {
  const workerData = `ws://127.0.0.1:${server.address().port}`
  const worker = new Worker(new URL('./worker-thread.mjs', import.meta.url), { workerData })
  const [origin] = await once(worker, 'message')
  origins.push(origin)
  await worker.terminate()
}
for (const socket of server.clients) socket.terminate()
server.close()
console.log(JSON.stringify(origins))
