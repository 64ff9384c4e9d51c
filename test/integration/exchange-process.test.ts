import { pathToFileURL } from 'node:url'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import type { ExchangeProcess } from '../../src/testing/exchange/exchange-process.ts'
import { buildCli } from '../support/built-cli.ts'

// A process runs what is built, so this is the only test of the exchange that does, too.
let Process: typeof ExchangeProcess
const running: ExchangeProcess[] = []

beforeAll(async () => {
  buildCli()
  const built = new URL('../../dist/testing/index.js', import.meta.url)
  Process = ((await import(pathToFileURL(built.pathname).href)) as { ExchangeProcess: typeof ExchangeProcess })
    .ExchangeProcess
})
afterEach(async () => {
  for (const exchange of running.splice(0)) await exchange.stop()
})

async function start(options: Parameters<typeof ExchangeProcess.start>[0]): Promise<ExchangeProcess> {
  const exchange = await Process.start(options)
  running.push(exchange)
  return exchange
}

test('serves, is controlled, and tells its log', async () => {
  const exchange = await start({ rate: 0 })
  expect(exchange.pid).not.toBe(process.pid)
  const ws = new WebSocket(exchange.url)
  ws.on('error', () => {})
  await new Promise((resolve) => ws.once('open', resolve))
  const closed = new Promise((resolve) => ws.once('close', resolve))
  const binary = new Promise((resolve) => ws.once('message', (data) => resolve(data)))
  await exchange.send(Uint8Array.of(1, 2, 3))
  expect(await binary).toEqual(Buffer.from([1, 2, 3]))
  await exchange.setFate('a', 'never')
  await exchange.stall({ forMs: 0 })
  await exchange.closeConnections({ code: 4000 })
  expect(await closed).toBe(4000)
  await exchange.refuseConnects({ count: 1 })
  await new Promise((resolve) => new WebSocket(exchange.url).once('error', resolve))
  const kinds = (await exchange.log()).map(({ kind }) => kind)
  expect(kinds).toEqual(['opened', 'fault', 'fault', 'closed', 'refused'])
  expect(await exchange.log(4)).toMatchObject([{ seq: 5, kind: 'refused' }])
  expect(await exchange.stats()).toMatchObject({ connections: 0, logEntries: 5, logDropped: 0 })
})

test('mistakes come back as errors, at the start and later', async () => {
  await expect(Process.start({ rate: -1 })).rejects.toMatchObject({ code: 'ERR_CONFIG', message: /rate/ })
  const exchange = await start({ rate: 0 })
  await expect(exchange.stall({ forMs: -1 })).rejects.toMatchObject({ code: 'ERR_EXCHANGE', message: /forMs/ })
  await expect(Process.start({ port: exchange.port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
})

test('once it has ended, calls say so and stop() does nothing', async () => {
  const exchange = await start({ rate: 0 })
  await exchange.stop()
  await exchange.stop()
  await expect(exchange.stats()).rejects.toMatchObject({ code: 'ERR_EXCHANGE', message: /has ended/ })
})

test('calls under way when it dies are rejected', async () => {
  const exchange = await start({ rate: 0 })
  const call = exchange.log()
  process.kill(exchange.pid as number, 'SIGKILL')
  const answer = await call.catch((error: Error) => error.message)
  // It may have answered before it died; what must not be is a call that hangs.
  if (typeof answer === 'string') expect(answer).toMatch(/has ended|cannot be reached/)
  await expect(exchange.stats()).rejects.toThrow(/has ended|cannot be reached/)
})
