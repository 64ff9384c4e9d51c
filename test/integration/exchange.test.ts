import type { IncomingMessage } from 'node:http'
import { connect as connectTcp, type Socket } from 'node:net'
import { afterEach, describe, expect, it, test } from 'vitest'
import { WebSocket } from 'ws'
import { EmbeddedExchange } from '../../src/testing/exchange/embedded-exchange.ts'
import type { ExchangeLogEntry } from '../../src/testing/exchange/log.ts'
import type { ExchangeOptions } from '../../src/testing/exchange/options.ts'
import { LOGIN } from '../support/memory-exchange.ts'
import { encodeServerFrame } from '../support/raw-frames.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function start(options: ExchangeOptions = {}): Promise<EmbeddedExchange> {
  const exchange = await EmbeddedExchange.start({ rate: 0, ...options })
  cleanups.push(() => exchange.stop())
  return exchange
}

/** A client on ws, with what it has seen. */
class Client {
  readonly ws: WebSocket
  readonly texts: string[] = []
  readonly closed: Promise<{ code: number; error: string | undefined }>

  constructor(url: string) {
    this.ws = new WebSocket(url)
    let error: string | undefined
    this.ws.on('message', (data) => this.texts.push(String(data)))
    this.ws.on('error', (e: Error & { code?: string }) => {
      error = e.code ?? e.message
    })
    this.closed = new Promise((resolve) => this.ws.once('close', (code) => resolve({ code, error })))
    cleanups.push(() => this.ws.terminate())
  }

  async open(): Promise<this> {
    await new Promise((resolve, reject) => this.ws.once('open', resolve).once('error', reject))
    return this
  }

  call(method: string, params: object, id: number): void {
    this.ws.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }))
  }

  answer(id: number): Promise<Record<string, unknown>> {
    return until(() => this.texts.map((text) => JSON.parse(text)).find((message) => message.id === id))
  }
}

/** Waits for what must come; vitest's own timeout is the limit. */
async function until<T>(look: () => T | undefined): Promise<T> {
  for (;;) {
    const found = look()
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

function entry(exchange: EmbeddedExchange, match: (entry: ExchangeLogEntry) => boolean): Promise<ExchangeLogEntry> {
  return until(() => exchange.log().find(match))
}

const uwsLoads = await EmbeddedExchange.start({ server: 'uws' }).then(
  async (exchange) => {
    await exchange.stop()
    return true
  },
  (error: Error) => {
    if (!error.message.includes('does not load here')) throw error
    return false
  },
)

describe.each(['ws', 'uws'] as const)('on %s', (server) => {
  const here = server === 'uws' && !uwsLoads ? test.skip : test

  here('a session from login to order', async () => {
    const exchange = await start({ server, rate: 200 })
    const client = await new Client(`${exchange.url}/ws/api/v2?a=b`).open()
    client.call('public/auth', LOGIN, 1)
    client.call('public/subscribe', { channels: ['book.BTC-PERPETUAL.raw', 'nothing'] }, 2)
    client.call('private/buy', { instrument_name: 'BTC-PERPETUAL', amount: 1, type: 'market', label: 'a' }, 3)
    expect(await client.answer(2)).toMatchObject({ result: ['book.BTC-PERPETUAL.raw'] })
    expect(await client.answer(3)).toMatchObject({ result: { order: { order_state: 'filled' } } })
    await until(() => client.texts.find((text) => text.includes('"prev_change_id"')))
    const frames = exchange.log().filter((logged) => logged.kind === 'frame')
    expect(frames).toMatchObject([
      { id: '1', method: 'public/auth', whole: true },
      { id: '2', method: 'public/subscribe', whole: true },
      { id: '3', method: 'private/buy', label: 'a', whole: true },
    ])
    client.ws.close(1000)
    expect(await entry(exchange, ({ kind }) => kind === 'closed')).toMatchObject({ connection: 1, code: 1000 })
  })

  here('refuses, then accepts', async () => {
    const exchange = await start({ server })
    exchange.refuseConnects({ status: 429, retryAfterS: 3 })
    const refused = new WebSocket(exchange.url)
    const response = await new Promise<IncomingMessage>((resolve) => {
      refused.on('error', () => {})
      refused.on('unexpected-response', (request, answer) => {
        resolve(answer)
        request.destroy()
      })
    })
    expect(response.statusCode).toBe(429)
    expect(response.headers['retry-after']).toBe('3')
    await new Client(exchange.url).open()
    expect(exchange.stats().connections).toBe(1)
  })

  here('drops without a CLOSE, and closes with one', async () => {
    const exchange = await start({ server })
    const [first, second] = [await new Client(exchange.url).open(), await new Client(exchange.url).open()]
    exchange.drop('rst', { connection: 1 })
    exchange.closeConnections({ code: 1012, reason: 'restart', connection: 2 })
    expect((await first.closed).code).toBe(1006)
    expect((await second.closed).code).toBe(1012)
  })

  here('stops while clients are connected, and frees the port', async () => {
    const exchange = await start({ server })
    const client = await new Client(exchange.url).open()
    await exchange.stop()
    await exchange.stop()
    expect((await client.closed).code).toBe(1006)
    await expect(new Client(exchange.url).open()).rejects.toThrow(/ECONNREFUSED/)
  })
})

describe('on ws alone', () => {
  it('tells resets from FINs', async () => {
    const exchange = await start()
    for (const [how, code] of [
      ['rst', 'ECONNRESET'],
      ['fin', undefined],
    ] as const) {
      const client = await rawClient(exchange)
      exchange.drop(how)
      expect((await client.ended)?.code).toBe(code)
    }
  })

  it('cuts its own frames where it is told', async () => {
    const exchange = await start()
    const client = await rawClient(exchange)
    const before = client.bytes()
    exchange.sendCut('{"jsonrpc":"2.0"}', 7, 'fin')
    await client.ended
    expect(client.bytes().subarray(before.length).toString('latin1')).toBe('\x81\x11{"jso')
  })

  it('logs a frame that was cut, with as much of it as had come', async () => {
    const exchange = await start()
    const maskKey = Buffer.from([9, 8, 7, 6])
    const text = '{"jsonrpc":"2.0","id":"42","method":"private/buy","params":{"label":"q-7","amount":1}}'
    const whole = encodeServerFrame(1, text, { maskKey })
    const client = await rawClient(exchange)
    const test = encodeServerFrame(1, '{"id":1,"method":"public/test"}', { maskKey })
    client.socket.end(Buffer.concat([test, whole.subarray(0, whole.length - 12)]))
    const cut = await entry(exchange, (logged) => logged.kind === 'frame' && !logged.whole)
    expect(cut).toMatchObject({ id: '42', method: 'private/buy', label: 'q-7', byteLength: whole.length - 12 })
    expect(await entry(exchange, ({ kind }) => kind === 'closed')).toMatchObject({ code: 1006 })
    expect(exchange.log().filter((logged) => logged.kind === 'frame' && logged.whole)).toHaveLength(1)
  })

  it('stalls: nothing is read, nothing sent, and all of it comes when the stall ends', async () => {
    const exchange = await start()
    const client = await new Client(exchange.url).open()
    exchange.stall({ forMs: 600_000 })
    exchange.send('"told during the stall"')
    client.call('public/test', {}, 1)
    // What would come, comes on the other connection, which is not stalled.
    const other = await new Client(exchange.url).open()
    for (let id = 1; id <= 20; id++) {
      other.call('public/test', {}, id)
      await other.answer(id)
    }
    expect(client.texts).toEqual([])
    expect(exchange.log().filter((logged) => logged.kind === 'frame' && logged.connection === 1)).toEqual([])
    exchange.calm()
    await client.answer(1)
    expect(client.texts[0]).toBe('"told during the stall"')
  })

  it('drops a client that does not read, long before memory runs out', async () => {
    const exchange = await start({ maxBufferedBytes: 100_000 })
    const client = await new Client(exchange.url).open()
    client.ws.pause()
    const megabyte = JSON.stringify('x'.repeat(2 ** 20))
    for (let i = 0; i < 100 && exchange.stats().connections > 0; i++) {
      exchange.send(megabyte)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await entry(exchange, ({ kind }) => kind === 'closed')).toMatchObject({ connection: 1, code: 1006 })
    expect(exchange.log()).toContainEqual(expect.objectContaining({ fault: 'slow-consumer' }))
  })

  it('takes no message above a megabyte, and answers plain HTTP', async () => {
    const exchange = await start()
    const client = await new Client(exchange.url).open()
    client.ws.send('x'.repeat(2 ** 20 + 1))
    expect((await client.closed).code).toBe(1009)
    const response = await fetch(exchange.url.replace('ws:', 'http:'))
    expect(response.status).toBe(426)
  })

  it('rejects when the port is taken', async () => {
    const exchange = await start()
    await expect(EmbeddedExchange.start({ port: exchange.port })).rejects.toThrow(/EADDRINUSE/)
  })
})

it('says what uWebSockets.js cannot do', async ({ skip }) => {
  if (!uwsLoads) skip('uWebSockets.js does not load on this Node')
  const exchange = await start({ server: 'uws' })
  await new Client(exchange.url).open()
  await until(() => exchange.stats().connections || undefined)
  expect(() => exchange.stall({ forMs: 1 })).toThrow(/server 'uws' cannot stop reading; start the exchange with/)
  expect(() => exchange.sendCut('x', 1)).toThrow(/cannot cut a frame/)
})

interface RawClient {
  readonly socket: Socket
  bytes(): Buffer
  readonly ended: Promise<NodeJS.ErrnoException | undefined>
}

/** Upgraded by hand: what it reads and how TCP ends is seen as it is. */
async function rawClient(exchange: EmbeddedExchange): Promise<RawClient> {
  const socket = connectTcp(exchange.port, '127.0.0.1')
  cleanups.push(() => socket.destroy())
  let bytes = Buffer.alloc(0)
  let error: NodeJS.ErrnoException | undefined
  socket.on('error', (e) => {
    error = e
  })
  const ended = new Promise<NodeJS.ErrnoException | undefined>((resolve) => socket.on('close', () => resolve(error)))
  socket.on('data', (chunk) => {
    bytes = Buffer.concat([bytes, chunk])
  })
  const lines = ['GET / HTTP/1.1', 'Host: x', 'Connection: Upgrade', 'Upgrade: websocket']
  socket.write([...lines, 'Sec-WebSocket-Version: 13', `Sec-WebSocket-Key: ${'A'.repeat(22)}==`, '', ''].join('\r\n'))
  await until(() => (bytes.includes('\r\n\r\n') ? true : undefined))
  return { socket, bytes: () => bytes, ended }
}
