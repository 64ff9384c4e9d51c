// Connections in Workers, ended in every way a Worker can end, beside one on the main thread that must not notice.
//   node workers.mjs ENTRY TRANSPORT SCENARIO URL ROUNDS
import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

if (isMainThread) await main(...process.argv.slice(2))
else await worker(workerData)

async function main(entry, transport, scenario, url, rounds) {
  const { connect } = await import(entry)
  const own = connect(url, { transport, onBatch: () => {} })
  await own.ready()
  const results = new Map()
  for (let round = 0; round < Number(rounds); round++) {
    const workers = Array.from({ length: 3 }, () => start({ entry, transport, scenario, url }))
    for (const result of await Promise.all(workers.map((worker, i) => endOf(worker, scenario, round * 3 + i)))) {
      results.set(result, (results.get(result) ?? 0) + 1)
    }
  }
  console.log(JSON.stringify(Object.fromEntries(results)))
  // Still alive, and still reading.
  const before = own.stats().messagesReceived
  while (own.stats().messagesReceived < before + 100) await new Promise((resolve) => setTimeout(resolve, 5))
  console.log((await own.close()).cause.kind)
}

function start(data) {
  const { pathname } = new URL(import.meta.url)
  return new Worker(pathname, { workerData: data })
}

/** Waits until the Worker says that it is busy, ends it as the scenario wants, and tells how it ended. */
async function endOf(worker, scenario, index) {
  let failure = ''
  worker.on('error', (error) => {
    failure = error.message
  })
  const exit = new Promise((resolve) => worker.once('exit', resolve))
  if (scenario === 'terminate at any moment') {
    // From before the thread has begun to after it has connected.
    await new Promise((resolve) => setTimeout(resolve, index * 12))
    await worker.terminate()
  } else if (scenario.startsWith('throw')) {
    // `once` would reject with the Worker's error.
  } else {
    await once(worker, 'message')
    if (scenario === 'terminate in traffic' || scenario === 'terminate while connecting') await worker.terminate()
  }
  const code = await exit
  if (scenario === 'terminate at any moment') return 'ended'
  return `exit ${code}${failure === '' ? '' : `: ${failure}`}`
}

async function worker({ entry, transport, scenario, url }) {
  const { connect } = await import(entry)
  let messages = 0
  if (scenario === 'terminate while connecting') parentPort.postMessage('busy')
  const connections = Array.from({ length: 4 }, (_, i) => {
    const connection = connect(url, {
      transport,
      // Half of them borrow, half own what they get.
      ...(i % 2 === 0
        ? { onBatch: (batch) => got(batch.length, connection) }
        : { onMessage: () => got(1, connection) }),
    })
    return connection
  })

  function got(count, connection) {
    connection.send('x'.repeat(100))
    const before = messages
    messages += count
    if (before >= 200 || messages < 200) return
    parentPort.postMessage('busy')
    if (scenario === 'exit in traffic') setImmediate(() => process.exit(5))
    if (scenario === 'throw in traffic') {
      setImmediate(() => {
        throw new Error('outside any callback')
      })
    }
    if (scenario === 'exit in a callback') process.exit(6)
    if (scenario === 'close all') void Promise.all(connections.map((each) => each.close()))
  }
}
