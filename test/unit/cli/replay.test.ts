import { get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer, connect as tcpConnect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import type { CaptureMessage } from '../../../src/cli/capture.ts'
import {
  type ReplayClientEnd,
  type ReplayOptions,
  type ReplayServer,
  startReplayServer,
} from '../../../src/cli/replay.ts'
import type { ReplaySource } from '../../../src/cli/replay-client.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'

const servers: ReplayServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

async function start(source: ReplaySource, options: ReplayOptions = {}): Promise<ReplayServer> {
  const server = await startReplayServer(source, options)
  servers.push(server)
  return server
}

const text = (tMs: number, content: string): CaptureMessage => ({ dir: 'in', tMs, text: content })
const bytes = (tMs: number, content: number[]): CaptureMessage => ({ dir: 'in', tMs, bytes: Uint8Array.from(content) })

interface Received {
  readonly messages: (string | number[])[]
  readonly code: number
  readonly reason: string
}

function client(url: string): {
  readonly ws: WebSocket
  readonly messages: Received['messages']
  end: Promise<Received>
} {
  const ws = new WebSocket(url)
  const messages: Received['messages'] = []
  ws.on('message', (data: Buffer, isBinary) => messages.push(isBinary ? [...data] : data.toString()))
  const end = new Promise<Received>((resolve, reject) => {
    ws.on('close', (code, reason) => resolve({ messages, code, reason: reason.toString() }))
    ws.on('error', reject)
  })
  return { ws, messages, end }
}

const turns = async (n = 20): Promise<void> => {
  for (let i = 0; i < n; i++) await new Promise((resolve) => setImmediate(resolve))
}

describe('what a client gets', () => {
  const session = [
    text(0, 'é'),
    { dir: 'out', tMs: 1, text: 'subscribe' } as const,
    bytes(2, [0, 255]),
    text(3, ''),
    bytes(4, []),
    text(5, 'z'.repeat(800_000)),
  ]
  const expected = ['é', [0, 255], '', [], 'z'.repeat(800_000)]

  test.each([
    ['plain', {}],
    ['chopped', { chopSeed: 3 }],
  ])('every message of the exchange, then a close: %s', async (_name, options) => {
    const ends: ReplayClientEnd[] = []
    const server = await start(() => session, { speed: 'max', ...options, onClientEnd: (end) => ends.push(end) })
    for (let id = 1; id <= 2; id++) {
      const { messages, code, reason } = await client(`${server.url}/ws/v5?token=1`).end
      expect(messages).toEqual(expected)
      expect([code, reason]).toEqual([1000, 'end of capture'])
      await expect.poll(() => ends.length).toBe(id)
      expect(ends[id - 1]).toMatchObject({
        id,
        path: '/ws/v5?token=1',
        messagesSent: 5,
        bytesSent: 800_004,
        messagesReceived: 0,
        closeCode: 1000,
      })
    }
  })

  test('a subprotocol that it offers is chosen', async () => {
    const server = await start(() => session, { speed: 'max' })
    const ws = new WebSocket(server.url, ['v1.json'])
    await new Promise((resolve) => ws.on('close', resolve))
    expect(ws.protocol).toBe('v1.json')
  })

  test('what it sends is counted', async () => {
    const ends: ReplayClientEnd[] = []
    const server = await start(() => [text(0, 'a')], { loop: true, speed: 'max', onClientEnd: (end) => ends.push(end) })
    const { ws, end } = client(server.url)
    ws.on('open', () => {
      for (let i = 0; i < 3; i++) ws.send('subscribe')
      ws.close(1000, 'enough')
    })
    await end
    await expect.poll(() => ends).toMatchObject([{ messagesReceived: 3, closeCode: 1000, closeReason: 'enough' }])
  })
})

describe('pace', () => {
  const session = () => [text(100, 'a'), text(100, 'b'), text(1100, 'c')]

  test.each([
    [1, 100, 1000],
    [2, 50, 500],
    [0.5, 200, 2000],
  ])('speed %d', async (speed, firstMs, thenMs) => {
    const clock = new VirtualClock()
    const server = await start(session, { speed, clock })
    const { messages, end } = client(server.url)
    await expect.poll(() => clock.pendingTimers).toBe(1)
    clock.advance(firstMs - 1)
    await turns()
    expect(messages).toEqual([])
    clock.advance(1)
    await expect.poll(() => messages).toEqual(['a', 'b'])
    clock.advance(thenMs - 1)
    await turns()
    expect(messages).toEqual(['a', 'b'])
    clock.advance(1)
    expect((await end).messages).toEqual(['a', 'b', 'c'])
    expect(clock.pendingTimers).toBe(0)
  })

  test('loop begins again on the same connection, times included', async () => {
    const clock = new VirtualClock()
    const server = await start(session, { loop: true, clock })
    const { ws, messages, end } = client(server.url)
    for (let round = 1; round <= 3; round++) {
      await expect.poll(() => clock.pendingTimers).toBe(1)
      clock.advance(100)
      await expect.poll(() => messages.length).toBe(round * 3 - 1)
      await expect.poll(() => clock.pendingTimers).toBe(1)
      clock.advance(1000)
      await expect.poll(() => messages.length).toBe(round * 3)
    }
    ws.close()
    await end
    await expect.poll(() => clock.pendingTimers).toBe(0)
  })
})

describe('bounds', () => {
  test('a client that does not read holds the source up; it gets everything when it reads', async () => {
    let taken = 0
    const total = 2000
    const payload = 'x'.repeat(10_000)
    function* source(): Generator<CaptureMessage> {
      for (let i = 0; i < total; i++) {
        taken++
        yield text(0, payload)
      }
    }
    const server = await start(source, { speed: 'max' })
    const { ws, messages, end } = client(server.url)
    ws.on('open', () => ws.pause())
    let before = -1
    await expect
      .poll(
        () => {
          const still = taken > 0 && taken === before
          before = taken
          return still
        },
        { interval: 200 },
      )
      .toBe(true)
    // 20 MB in all; what the kernel's socket buffers take varies, and our own bound is 256 KiB.
    expect(taken).toBeLessThan(total)
    ws.resume()
    await end
    expect(messages).toHaveLength(total)
  })

  test('leaving early ends the source', async () => {
    let ended = false
    async function* source(): AsyncGenerator<CaptureMessage> {
      try {
        for (;;) yield text(0, 'x')
      } finally {
        ended = true
      }
    }
    const server = await start(source, { speed: 'max' })
    const { ws, end } = client(server.url)
    ws.on('message', () => ws.terminate())
    await end
    await expect.poll(() => ended).toBe(true)
  })

  test('a frame above 16 MiB from a client ends that client', async () => {
    const ends: ReplayClientEnd[] = []
    const server = await start(() => [text(60_000, 'later')], { onClientEnd: (end) => ends.push(end) })
    const { ws, end } = client(server.url)
    ws.on('open', () => ws.send(Buffer.alloc(16 * 2 ** 20 + 1)))
    await end.catch(() => {})
    await expect.poll(() => ends.length).toBe(1)
    expect(ends[0]?.error?.message).toMatch(/payload/i)
  })
})

describe('failures', () => {
  test('a source that throws closes with 1011, and the server goes on', async () => {
    const ends: ReplayClientEnd[] = []
    let healthy = false
    function* source(): Generator<CaptureMessage> {
      yield text(0, 'a')
      if (!healthy) throw new Error('line 2 is damaged')
    }
    const server = await start(source, { speed: 'max', onClientEnd: (end) => ends.push(end) })
    expect(await client(server.url).end).toEqual({ messages: ['a'], code: 1011, reason: 'the capture cannot be read' })
    await expect.poll(() => ends[0]?.error?.message).toBe('line 2 is damaged')
    healthy = true
    expect(await client(server.url).end).toMatchObject({ messages: ['a'], code: 1000 })
  })

  test('a client that leaves at the beginning of a round is no failure', async () => {
    const clock = new VirtualClock()
    const ends: ReplayClientEnd[] = []
    const onClientEnd = (end: ReplayClientEnd): void => void ends.push(end)
    const server = await start(() => [text(1000, 'a')], { loop: true, clock, onClientEnd })
    const { ws, end } = client(server.url)
    await expect.poll(() => clock.pendingTimers).toBe(1)
    // The server may be ahead of the client.
    await expect.poll(() => ws.readyState).toBe(WebSocket.OPEN)
    ws.close(1000, 'enough')
    // It does not read the answer to its CLOSE, which keeps the connection closing while the next message comes due.
    ws.pause()
    await expect
      .poll(async () => {
        clock.advance(1000)
        await turns()
        return clock.pendingTimers
      })
      .toBe(0)
    ws.resume()
    await end
    await expect.poll(() => ends).toMatchObject([{ closeCode: 1000, closeReason: 'enough' }])
    expect(ends[0]).not.toHaveProperty('error')
  })

  test('a loop over nothing is refused rather than spun', async () => {
    const server = await start(() => [], { speed: 'max', loop: true })
    expect(await client(server.url).end).toMatchObject({ code: 1011 })
  })

  test('a port in use', async () => {
    const holder = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => holder.once('listening', resolve))
    const { port } = holder.address() as AddressInfo
    await expect(startReplayServer(() => [], { port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await new Promise((resolve) => holder.close(resolve))
  })

  test('plain HTTP gets 426, garbage is hung up on', async () => {
    const server = await start(() => [])
    const status = await new Promise((resolve) =>
      get(server.url.replace('ws:', 'http:'), (response) => {
        response.resume()
        resolve(response.statusCode)
      }),
    )
    expect(status).toBe(426)
    const answer = await new Promise<string>((resolve) => {
      let received = ''
      const socket = tcpConnect(server.port, '127.0.0.1', () => socket.write('garbage\r\n\r\n'))
      socket.on('data', (chunk) => {
        received += chunk
      })
      socket.on('close', () => resolve(received))
    })
    expect(answer).toMatch(/^HTTP\/1\.1 400/)
  })
})

describe('ending', () => {
  test('close() sends 1001 and resolves when the clients have gone', async () => {
    const server = await start(() => [text(60_000, 'later')])
    const { ws, end } = client(server.url)
    await new Promise((resolve) => ws.on('open', resolve))
    await server.close()
    expect(await end).toEqual({ messages: [], code: 1001, reason: 'the server stops' })
    await expect(client(server.url).end).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await server.close()
  })

  test('close() drops a client that does not answer', async () => {
    const clock = new VirtualClock()
    const server = await start(() => [text(60_000, 'later')], { clock })
    const { ws } = client(server.url)
    await new Promise((resolve) => ws.on('open', resolve))
    ws.pause()
    await expect.poll(() => clock.pendingTimers).toBe(1)
    const closed = server.close()
    clock.advance(1000)
    await closed
    ws.resume()
    ws.terminate()
  })

  test('once: serves one client, refuses others, and is over', async () => {
    const clock = new VirtualClock()
    const server = await start(() => [text(1000, 'a')], { once: true, clock })
    // Connected before the first is accepted, so that it is not the closed port that keeps it out.
    const late = tcpConnect(server.port, '127.0.0.1')
    const answer = new Promise<string>((resolve) => {
      late.once('data', (chunk) => resolve(chunk.toString())).once('close', () => resolve(''))
      late.on('error', () => {})
    })
    await new Promise((resolve) => late.once('connect', resolve))
    const first = client(server.url)
    await expect.poll(() => clock.pendingTimers).toBe(1)
    late.write(
      'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    )
    // Since Node 26 a server that listens no more hangs up on connections that have not asked yet.
    expect(await answer).toMatch(/^(HTTP\/1\.1 503 .*|$)/s)
    late.destroy()
    clock.advance(1000)
    expect(await first.end).toMatchObject({ messages: ['a'], code: 1000 })
    await server.closed
  })

  test('once: a refused handshake is nobody served', async () => {
    const server = await start(() => [text(0, 'a')], { once: true, speed: 'max' })
    await new Promise((resolve) => {
      const socket = tcpConnect(server.port, '127.0.0.1', () =>
        socket.write('GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'),
      )
      socket.resume().on('close', resolve)
    })
    expect(await client(server.url).end).toMatchObject({ messages: ['a'] })
    await server.closed
  })
})
