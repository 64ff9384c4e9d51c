import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { connect, type WsCoolingDownEvent, type WsHeldEvent } from '../../src/index.ts'
import { ConnectBudget } from '../../src/reconnect/connect-budget.ts'
import { sharedUs, systemClock } from '../../src/support/clock.ts'
import { MockServer } from '../../src/testing/index.ts'
import { CompiledLibrary } from '../support/child.ts'

let library: CompiledLibrary
beforeAll(() => {
  library = new CompiledLibrary()
})
afterAll(() => library.remove())

const THREADS = 3
const HOSTS = ['a.example', 'b.example', 'c.example', 'd.example', 'e.example']
const CONNECTS = 200
/** Each thread's, 10 µs apart: all of them within one interval of the limit. */
const CLAIMS = 1000

/** All threads begin on a host together, claim again and again, and tell how much each was granted. */
const claimer = `
  const { parentPort, workerData } = require('node:worker_threads')
  const { entry, shared, gate, threads, hosts, claims } = workerData
  const arrived = new Int32Array(gate)
  import(entry).then(({ ConnectBudget }) => {
    const budget = ConnectBudget.from(shared)
    const granted = hosts.map((host, round) => {
      const here = Atomics.add(arrived, 0, 1) + 1
      if (here === threads * (round + 1)) Atomics.notify(arrived, 0)
      for (let n; (n = Atomics.load(arrived, 0)) < threads * (round + 1); ) Atomics.wait(arrived, 0, n, 1000)
      let count = 0
      for (let i = 0; i < claims; i++) if (budget.claim(host, 1.6e15 + i * 10).waitMs === 0) count++
      return count
    })
    parentPort.postMessage(granted)
  })
`

it('threads that claim at the same time get exactly the limit together, for each host', async () => {
  const { shared } = new ConnectBudget({ limits: [{ connects: CONNECTS, perMs: 1000 }] })
  const gate = new SharedArrayBuffer(4)
  const workerData = { entry: library.entry, shared, gate, threads: THREADS, hosts: HOSTS, claims: CLAIMS }
  const granted = await Promise.all(
    Array.from({ length: THREADS }, () => {
      const worker = new Worker(claimer, { eval: true, workerData })
      return new Promise<number[]>((resolve, reject) => {
        worker.once('message', resolve)
        worker.once('error', reject)
      })
    }),
  )
  const sums = HOSTS.map((_, i) => granted.reduce((sum, counts) => sum + (counts[i] as number), 0))
  expect(sums).toEqual(HOSTS.map(() => CONNECTS))
})

it('threads have one clock for what they share, though performance.now() begins anew in each', async () => {
  const code = `
    const { parentPort, workerData } = require('node:worker_threads')
    import(workerData).then(({ systemClock }) => parentPort.postMessage(systemClock.sharedUs()))
  `
  const worker = new Worker(code, { eval: true, workerData: library.entry })
  const before = sharedUs(systemClock)
  const there = await new Promise<number>((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  expect(there).toBeGreaterThan(before)
  expect(there).toBeLessThan(sharedUs(systemClock))
})

it('a host that refuses one thread is left alone by the others', async () => {
  const server = await MockServer.listen()
  server.refuseNext({ status: 403 })
  const connectBudget = new ConnectBudget()
  const code = `
    const { parentPort, workerData } = require('node:worker_threads')
    const { entry, url, shared } = workerData
    import(entry).then(({ ConnectBudget, connect }) => {
      const feed = connect(url, { transport: 'ws', connectBudget: ConnectBudget.from(shared) })
      feed.closed().then(() => parentPort.close())
      parentPort.once('message', () => feed.close())
      void (async () => {
        for await (const event of feed) if (event.kind === 'cooling-down') parentPort.postMessage(event)
      })()
    })
  `
  const workerData = { entry: library.entry, url: server.url, shared: connectBudget.shared }
  const worker = new Worker(code, { eval: true, workerData })
  const told = await new Promise<WsCoolingDownEvent>((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  expect(told).toMatchObject({ kind: 'cooling-down', host: '127.0.0.1' })
  const here = connect(server.url, { transport: 'ws', connectBudget })
  const { value: held } = await here[Symbol.asyncIterator]().next()
  expect(held).toMatchObject({ kind: 'held', why: 'cool-down', host: '127.0.0.1' })
  expect((held as WsHeldEvent).delayMs).toBeLessThanOrEqual(told.forMs)
  await here.close()
  worker.postMessage('end')
  await new Promise((resolve) => worker.once('exit', resolve))
  await server.stop()
})
