// A TLS server whose answer to the upgrade, first frames and end come in one segment, over both transports.
import { type AddressInfo, connect as connectTcp, createServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { acceptFor } from '../../src/connect/upgrade-request.ts'
import { connect, type WsClosed } from '../../src/index.ts'
import { encodeServerClose, encodeServerFrame } from '../support/raw-frames.ts'
import { tlsFixture, tlsFixtureCa } from '../support/raw-server.ts'

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup()
})

/** Answers the request with `answer` and leaves. What it says from then on is held back until it has said all of it. */
async function leavingServer(version: 'TLSv1.2' | 'TLSv1.3', answer: (key: string) => Buffer): Promise<string> {
  let holds = false
  const server = createTlsServer({ ...tlsFixture('localhost'), maxVersion: version }, (socket) => {
    let request = ''
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      request += chunk.toString('latin1')
      if (!request.endsWith('\r\n\r\n')) return
      holds = true
      socket.end(answer(/^sec-websocket-key: (.*)\r$/im.exec(request)?.[1] ?? ''))
    })
  })
  const relay = createServer((client) => {
    const upstream = connectTcp((server.address() as AddressInfo).port, '127.0.0.1')
    const held: Buffer[] = []
    client.on('error', () => upstream.destroy()).pipe(upstream)
    upstream.on('error', () => client.destroy())
    upstream.on('data', (chunk) => (holds ? held.push(chunk) : client.write(chunk)))
    upstream.on('end', () => client.end(Buffer.concat(held)))
  })
  for (const one of [server, relay]) {
    await new Promise<void>((resolve) => one.listen(0, '127.0.0.1', resolve))
    cleanups.push(() => one.close())
  }
  return `wss://127.0.0.1:${(relay.address() as AddressInfo).port}/`
}

const upgraded = (key: string, ...frames: Buffer[]): Buffer => {
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade']
  const head = [...lines, `Sec-WebSocket-Accept: ${acceptFor(key)}`, '', ''].join('\r\n')
  return Buffer.concat([Buffer.from(head), ...frames])
}

const ways = (['native', 'ws'] as const).flatMap((transport) =>
  (['TLSv1.2', 'TLSv1.3'] as const).map((version) => ({ transport, version })),
)

describe.each(ways)('$transport, $version', ({ transport, version }) => {
  async function visit(answer: (key: string) => Buffer): Promise<{ heard: string[]; closed: WsClosed }> {
    const heard: string[] = []
    const connection = connect(await leavingServer(version, answer), {
      transport,
      native: 'require',
      reconnect: false,
      tls: { ca: tlsFixtureCa() },
      onOpen: () => heard.push('open'),
      onMessage: (message) => heard.push(message.text()),
    })
    return { closed: await connection.closed(), heard }
  }

  test('an end right behind the upgrade is heard', async () => {
    const { heard, closed } = await visit((key) => upgraded(key))
    expect(heard).toEqual(['open'])
    expect(closed.cause).toMatchObject({ kind: 'remote-closed', code: 'ERR_CLOSED_ABNORMALLY', closeCode: 1006 })
  })

  test('and so are the messages and the CLOSE in between', async () => {
    const last = [encodeServerFrame(1, 'one'), encodeServerFrame(1, 'two'), encodeServerClose(1013, 'busy')]
    const { heard, closed } = await visit((key) => upgraded(key, ...last))
    expect(heard).toEqual(['open', 'one', 'two'])
    expect(closed.cause).toMatchObject({ kind: 'remote-closed', closeCode: 1013, closeReason: 'busy' })
  })

  test('a refusal whose body ends with the connection is complete', async () => {
    const { closed } = await visit(() => Buffer.from('HTTP/1.1 503 Busy\r\n\r\nlater'))
    expect(closed.cause).toMatchObject({ code: 'ERR_UPGRADE_REFUSED', http: { body: 'later', bodyTruncated: false } })
  })
})
