// What servers and the kernel see of the options in `socket`, over both transports. That the kernel has each of them is
// checked by native/test/io_socket_options_test.cc.
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { type ConnectOptions, connect, WsConfigError, type WsConnectError } from '../../src/index.ts'

let server: WebSocketServer
let url: string
const seen: { address: string | undefined; port: number | undefined }[] = []

beforeEach(async () => {
  seen.length = 0
  server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  server.on('connection', (_socket: WebSocket, request) => {
    seen.push({ address: request.socket.remoteAddress, port: request.socket.remotePort })
  })
  await new Promise((resolve) => server.once('listening', resolve))
  url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`
})

afterEach(() => {
  for (const socket of server.clients) socket.terminate()
  server.close()
})

async function opened(options: ConnectOptions, use: (localPort: number) => void, to = url): Promise<void> {
  let localPort = 0
  const onOpen: ConnectOptions['onOpen'] = (info) => {
    localPort = info.localPort
  }
  const connection = connect(to, { reconnect: false, onOpen, ...options })
  try {
    await connection.ready()
    use(localPort)
  } finally {
    await connection.close()
  }
}

const failure = async (options: ConnectOptions, to = url): Promise<unknown> =>
  opened(options, () => {}, to).catch((error: unknown) => (error as WsConnectError).disconnectCause)

/** The kind of timer that the kernel runs for a socket of this machine, as /proc/net/tcp shows it: 2 is keepalive. */
function timerOf(localPort: number): number | undefined {
  const port = localPort.toString(16).toUpperCase().padStart(4, '0')
  const line = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .find((candidate) => candidate.trim().split(/\s+/)[1]?.endsWith(`:${port}`))
  return Number.parseInt(line?.trim().split(/\s+/)[5]?.split(':')[0] ?? '', 16)
}

describe.each(['native', 'ws'] as const)('socket options over %s', (transport) => {
  test('connect from the local address', async () => {
    await opened({ transport, native: 'require', socket: { localAddress: '127.0.0.7' } }, () => {})
    expect(seen[0]?.address).toBe('127.0.0.7')
  })

  test('turn keepalive on, and only when asked', async () => {
    const timers: (number | undefined)[] = []
    const watch = (port: number): unknown => timers.push(timerOf(port))
    await opened({ transport, socket: {} }, watch)
    await opened({ transport, socket: { keepAliveIdleMs: 60_000 } }, watch)
    expect(timers.map((timer) => timer === 2)).toEqual([false, true])
  })

  test('fail by name for an address that this machine has not', async () => {
    // 192.0.2.0/24 is for documentation.
    const cause = await failure({ transport, socket: { localAddress: '192.0.2.1' } })
    expect(cause).toMatchObject({ kind: 'handshake-failed', stage: 'tcp', code: 'ERR_SOCKET_OPTION' })
    expect(cause).toMatchObject({ message: expect.stringMatching(/socket\.localAddress was refused.*EADDRNOTAVAIL/) })
  })

  test('fail by name for a local address of the other family, and go on with those of its own', async () => {
    const v6 = { address: '::1', family: 6 } as const
    const v4 = { address: '127.0.0.1', family: 4 } as const
    const named = url.replace('127.0.0.1', 'venue.test')
    const options = { transport, socket: { localAddress: '127.0.0.1' } }
    const cause = await failure({ ...options, lookup: async () => [v6] }, named)
    expect(cause).toMatchObject({ stage: 'tcp', code: 'ERR_SOCKET_OPTION' })
    expect(cause).toMatchObject({ message: expect.stringContaining('socket.localAddress 127.0.0.1 is IPv4') })
    await opened({ ...options, lookup: async () => [v6, v4] }, () => {}, named)
    expect(seen).toHaveLength(1)
  })
})

test('a buffer that the kernel cuts down fails by name', async () => {
  const cause = await failure({ socket: { receiveBufferBytes: 2 ** 30 - 1 } })
  expect(cause).toMatchObject({ kind: 'handshake-failed', stage: 'tcp', code: 'ERR_SOCKET_OPTION' })
  expect(cause).toMatchObject({ message: expect.stringContaining('socket.receiveBufferBytes 1073741823 is more') })
  expect(seen).toHaveLength(0)
})

test('every option at once connects natively', async () => {
  const socket = {
    noDelay: true,
    keepAliveIdleMs: 10_000,
    keepAliveIntervalMs: 1000,
    keepAliveProbes: 3,
    receiveBufferBytes: 65_536,
    sendBufferBytes: 65_536,
    userTimeoutMs: 20_000,
    localAddress: '127.0.0.1',
  }
  await opened({ native: 'require', socket }, () => {})
  expect(seen).toHaveLength(1)
})

test('what Node cannot set is a mistake in the configuration of ws', () => {
  const socket = { receiveBufferBytes: 65_536, userTimeoutMs: 1000, noDelay: true }
  let thrown: unknown
  try {
    connect(url, { transport: 'ws', socket })
  } catch (error) {
    thrown = error
  }
  expect(thrown).toBeInstanceOf(WsConfigError)
  const message = 'cannot be set by transport ws: leave it out, or use the native transport'
  expect((thrown as WsConfigError).problems).toEqual([
    { field: 'socket.receiveBufferBytes', message },
    { field: 'socket.userTimeoutMs', message },
  ])
})
