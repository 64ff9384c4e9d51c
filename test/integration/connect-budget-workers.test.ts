import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ConnectBudget } from '../../src/reconnect/connect-budget.ts'
import { CompiledLibrary } from '../support/child.ts'

let library: CompiledLibrary
beforeAll(() => {
  library = new CompiledLibrary()
})
afterAll(() => library.remove())

const CLAIMS = 20_000

/** Claims again and again at moments that all threads run through alike, and tells what it was granted. */
const claimer = `
  const { parentPort, workerData } = require('node:worker_threads')
  const { entry, shared, start, claims } = workerData
  import(entry).then(({ ConnectBudget }) => {
    const budget = ConnectBudget.from(shared)
    const granted = []
    for (let i = 0; i < claims; i++) {
      const now = start + i * 10
      if (budget.claim('venue.example', now).waitMs === 0) granted.push(now)
    }
    parentPort.postMessage(granted)
  })
`

it('threads that claim at the same time never get more together than the limit in any interval', async () => {
  const limits = [{ connects: 40, perMs: 10 }]
  const { shared } = new ConnectBudget({ limits })
  const start = 1_600_000_000_000_000
  const workers = Array.from(
    { length: 3 },
    () => new Worker(claimer, { eval: true, workerData: { entry: library.entry, shared, start, claims: CLAIMS } }),
  )
  const lists = await Promise.all(
    workers.map(
      (worker) =>
        new Promise<number[]>((resolve, reject) => {
          worker.once('message', resolve)
          worker.once('error', reject)
        }),
    ),
  )
  const granted = lists.flat().sort((a, b) => a - b)
  expect(granted.length).toBeGreaterThanOrEqual(40)
  // A thread that is behind takes what lies in its future for now, so the rule holds for its moments too.
  const spans = granted.slice(40).map((time, i) => time - (granted[i] as number))
  expect(Math.min(...spans)).toBeGreaterThanOrEqual(10_000)
})
