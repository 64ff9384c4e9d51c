import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { runCli } from '../../src/cli/cli.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { TestIo } from '../support/cli-io.ts'
import { httpProxy, TestProxy } from '../support/proxies.ts'
import { RawServer, tlsFixture, tlsFixtureCa, upgrade } from '../support/raw-server.ts'

let dir: string
const endings: (() => unknown)[] = []
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'shared-ws-cli-'))
})
afterAll(() => rmSync(dir, { recursive: true }))
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

function file(name: string, content: string | Uint8Array): string {
  const path = join(dir, name)
  writeFileSync(path, content)
  return path
}

const HEADER = '{"format":"shared-ws-capture/1","url":"wss://venue.example/ws?key=secret","startedAtUnixS":1}'
const COUNT = 500
const session = (): string =>
  [
    HEADER,
    '{"dir":"out","tMs":0,"text":"subscribe"}',
    ...Array.from({ length: COUNT }, (_, i) =>
      i % 5 === 4
        ? JSON.stringify({ dir: 'in', tMs: i, binary: gzipSync(`{"n":${i}}`).toString('base64') })
        : JSON.stringify({ dir: 'in', tMs: i, text: `{"n":${i}}` }),
    ),
    '',
  ].join('\n')

interface Running {
  readonly io: TestIo
  readonly done: Promise<number>
}

function start(...argv: string[]): Running {
  const io = new TestIo()
  return { io, done: runCli(argv, io) }
}

async function run(...argv: string[]): Promise<{ code: number; out: string[]; err: string; io: TestIo }> {
  const { io, done } = start(...argv)
  const code = await done
  return { code, out: io.out.lines, err: io.err.text, io }
}

async function replay(...argv: string[]): Promise<Running & { readonly url: string }> {
  const running = start('replay-server', file('session.ndjson.gz', gzipSync(session())), '--port', '0', ...argv)
  endings.push(async () => {
    if (running.io.signalListeners > 0) running.io.signal('SIGINT')
    await running.done
  })
  return { ...running, url: await running.io.line(/^ws:\/\/127\.0\.0\.1:\d+$/) }
}

describe.each(['native', 'ws'])('watch --transport %s', (transport) => {
  const watch = (url: string, ...argv: string[]) => run('watch', url, '--transport', transport, ...argv)

  test.each([
    ['whole', []],
    ['chopped', ['--chop', '7']],
  ])('prints every message of a replay: %s', async (_name, argv) => {
    const { url } = await replay('--speed', 'max', ...argv)
    const { code, out, err } = await watch(url)
    expect(code).toBe(0)
    const messages = out.filter((line) => /^\d\d:\d\d:\d\d\.\d{6} /.test(line)).map((line) => line.slice(16))
    expect(messages.map((line) => line.replace(/^<binary \d+ bytes, gzip> /, ''))).toEqual(
      Array.from({ length: COUNT }, (_, i) => `{"n":${i}}`),
    )
    expect(messages.filter((line) => line.startsWith('<binary'))).toHaveLength(COUNT / 5)
    expect(out).toContain(`--- ${url}/ by ${transport}: closed by the server, 1000 "end of capture"`)
    expect(out).toContainEqual(expect.stringContaining(`${COUNT} messages (${COUNT * 0.8} text, ${COUNT / 5} binary)`))
    expect(err).toMatch(new RegExp(`^connected to ${url}/ at 127\\.0\\.0\\.1:\\d+ by ${transport}\n$`))
  })

  test('--json', async () => {
    const { url } = await replay('--speed', 'max')
    const { code, out, err } = await watch(url, '--json')
    expect([code, err]).toEqual([0, ''])
    const objects = out.map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(objects[0]).toMatchObject({ kind: 'connected', transport, remoteAddress: '127.0.0.1' })
    expect(objects.filter(({ kind }) => kind === 'message')).toHaveLength(COUNT)
    expect(objects.at(-1)).toMatchObject({
      kind: 'summary',
      messages: COUNT,
      cause: { kind: 'remote-closed', closeCode: 1000, closeReason: 'end of capture' },
    })
  })

  test('--max-messages from a stream without an end, then the server hears a close', async () => {
    const { url, io: server } = await replay('--speed', 'max', '--loop')
    const { code, out } = await watch(url, '--max-messages', '7', '--json')
    expect(code).toBe(0)
    expect(out.filter((line) => line.includes('"kind":"message"'))).toHaveLength(7)
    expect(JSON.parse(out.at(-1) as string)).toMatchObject({ messages: 7, cause: { kind: 'local-stop' } })
    expect(await server.line(/^client 1 .* left/)).toMatch(/close 1000$/)
  })

  test('--seconds, and Ctrl-C', async () => {
    const { url } = await replay()
    expect((await watch(url, '--seconds', '0.05')).code).toBe(0)
    const { io, done } = start('watch', url, '--transport', transport)
    await io.line(/"n":0/)
    io.signal('SIGINT')
    expect(await done).toBe(0)
    expect(io.out.text).toMatch(/\n--- .*closed by us\n\d+ messages/)
    expect(io.exits).toEqual([])
  })

  test('--proxy is gone through, and shown without its password', async () => {
    const { url } = await replay()
    const proxy = await TestProxy.listen({ script: httpProxy({ credentials: { user: 'me', password: 's3cret' } }) })
    endings.push(() => proxy.close())
    const through = (userinfo: string) => watch(url, '--proxy', `http://${userinfo}127.0.0.1:${proxy.port}`, '--quiet')
    expect((await through('me:s3cret@')).code).toBe(0)
    expect(proxy.asked).toEqual([new URL(url).host])
    const refused = await through('me:wr0ng@')
    expect(refused.code).toBe(1)
    expect(refused.out + refused.err).toContain('407')
    expect(refused.out + refused.err).not.toContain('wr0ng')
    const wrong = await watch(url, '--proxy', 'ftp://me:wr0ng@host')
    expect(wrong.code).toBe(2)
    expect(wrong.err).toMatch(/--proxy.*must begin with http:/)
    expect(wrong.err).not.toContain('wr0ng')
  })

  test('--send, --header and --subprotocol reach the server as they are', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    endings.push(() => new Promise((resolve) => server.close(resolve)))
    const heard: unknown[] = []
    server.on('connection', (ws, request) => {
      heard.push(request.headers['x-key'], request.headers.authorization)
      ws.on('message', (data, isBinary) => {
        heard.push(isBinary, data.toString())
        if (heard.length === 8) ws.close(1000)
      })
    })
    await new Promise((resolve) => server.once('listening', resolve))
    const sends = ['--send', '{"op":"subscribe"}', '--send', 'ping', '--send', '{broken']
    const headers = ['--header', 'X-Key: a: b', '--header', 'Authorization:Bearer c', '--subprotocol', 'v1.json']
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const { code, err } = await watch(url, ...sends, ...headers)
    expect(code).toBe(0)
    expect(heard).toEqual(['a: b', 'Bearer c', false, '{"op":"subscribe"}', false, 'ping', false, '{broken'])
    expect(err).toContain('--send {broken is no valid JSON and is sent as it is')
    expect(err).toContain(', subprotocol v1.json\n')
    expect(err).toContain('sent {"op":"subscribe"}\nsent ping\nsent {broken\n')
  })

  test('--deflate and --inflate-binary inflate, and say so', async () => {
    const { url } = await replay('--speed', 'max', '--deflate')
    const plain = await watch(url, '--json')
    expect(JSON.parse(plain.out[0] as string)).not.toHaveProperty('perMessageDeflate')
    const { code, out } = await watch(url, '--json', '--deflate')
    expect(code).toBe(0)
    expect(JSON.parse(out[0] as string)).toMatchObject({ perMessageDeflate: { serverMaxWindowBits: 15 } })
    const messages = (lines: string[]): unknown[] =>
      lines.filter((line) => line.includes('"kind":"message"')).map((line) => JSON.parse(line).text)
    expect(messages(out)).toEqual(messages(plain.out))
    expect((await watch(url, '--deflate')).err).toMatch(/^connected to .*, permessage-deflate$/m)

    const server = await RawServer.listen({
      script: async (peer) => {
        await upgrade.accept()(peer)
        await peer.binary(gzipSync('{"ping":1}'))
        await peer.close(1000)
      },
    })
    endings.push(() => server.close())
    const binary = await watch(server.url, '--json', '--inflate-binary', 'gzip')
    expect(JSON.parse(binary.out[1] as string)).toMatchObject({ isText: true, text: '{"ping":1}', byteLength: 10 })
  })

  test('TLS: refused by default, taken with --ca or --insecure', async () => {
    const server = await RawServer.listen({
      tls: tlsFixture('localhost'),
      script: async (peer) => {
        await upgrade.accept()(peer)
        await peer.text('hello')
        await peer.close(1000)
      },
    })
    endings.push(() => server.close())
    const refused = await watch(server.url)
    expect(refused.code).toBe(1)
    expect(refused.out).toEqual([])
    // OpenSSL calls the missing root by one of two names, as it comes to look at issuer or leaf first.
    expect(refused.err).toMatch(
      /^shared-ws watch: cannot connect to wss:\/\/localhost:\d+\/ .*UNABLE_TO_(GET_ISSUER_CERT_LOCALLY|VERIFY_LEAF_SIGNATURE)/,
    )
    expect(refused.err).toContain('\n  options: --ca FILE names certificates to trust; --insecure accepts any')

    const trusted = await watch(server.url, '--ca', file('ca.pem', tlsFixtureCa()))
    expect([trusted.code, trusted.out[0]?.slice(16)]).toEqual([0, 'hello'])
    expect(trusted.err).toMatch(/TLSv1\.3 \w+\n/)

    const insecure = await watch(server.url, '--insecure')
    expect([insecure.code, insecure.out[0]?.slice(16)]).toEqual([0, 'hello'])
    expect(insecure.err).toContain(', UNVERIFIED')
  })

  test('a refused upgrade keeps its status and body', async () => {
    const server = createServer((_request, response) => response.writeHead(403).end('blocked in your region\n'))
    server.on('upgrade', (_request, socket) =>
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 23\r\n\r\nblocked in your region\n'),
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    endings.push(() => new Promise((resolve) => server.close(resolve)))
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/feed?token=secret`
    for (const json of [[], ['--json']]) {
      const { code, out, err } = await watch(url, ...json)
      expect(code).toBe(1)
      expect(err).toMatch(/^shared-ws watch: cannot connect to ws:\/\/127\.0\.0\.1:\d+\/feed .*403.*ERR_\w+/)
      expect(err).toContain('\n  HTTP 403 Forbidden\n  body: blocked in your region\\n\n')
      expect(err + out.join('')).not.toContain('secret')
      expect(out.map((line) => (JSON.parse(line) as { kind: string }).kind)).toEqual(
        json.length === 0 ? [] : ['disconnected', 'summary'],
      )
    }
  })

  test('nobody listens', async () => {
    const server = createTcpServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    await new Promise((resolve) => server.close(resolve))
    const { code, err, out } = await watch(`ws://127.0.0.1:${port}/`)
    expect([code, out]).toEqual([1, []])
    expect(err).toMatch(/^shared-ws watch: cannot connect to .*ECONNREFUSED[^\n]*\n$/)
  })

  test('Ctrl-C while connecting gives up', async () => {
    const server = await RawServer.listen({ script: upgrade.silent() })
    endings.push(() => server.close())
    const { io, done } = start('watch', server.url, '--transport', transport)
    await expect.poll(() => server.openConnections).toBe(1)
    io.signal('SIGINT')
    expect(await done).toBe(0)
    expect(io.out.text).toBe('')
  })

  test('a connection that breaks is a failure, with what came before', async () => {
    const server = await RawServer.listen({
      script: async (peer) => {
        await upgrade.accept()(peer)
        await peer.text('last words')
        await peer.write(Buffer.from([0xff, 0xff]))
      },
    })
    endings.push(() => server.close())
    const { code, out, err } = await watch(server.url)
    expect(code).toBe(1)
    expect(out[0]?.slice(16)).toBe('last words')
    expect(out[1]).toMatch(/^--- /)
    expect(err).toMatch(/lost the connection to ws:\/\/127\.0\.0\.1:\d+\/: /)
  })
})

describe('replay-server', () => {
  test('says who came and went, and ends by Ctrl-C', async () => {
    const { url, io, done } = await replay('--speed', 'max')
    for (let i = 0; i < 2; i++) await run('watch', `${url}/path?token=secret`, '--quiet', '--send', 'hello')
    const { port } = new URL(url)
    await io.line(/^client 2 /)
    expect(io.out.lines).toEqual([
      url,
      expect.stringMatching(/^client 1 127\.0\.0\.1:\d+ left: 500 messages, \d+ bytes sent, 1 received, close 1000/),
      expect.stringMatching(/^client 2 127\.0\.0\.1:\d+ left: 500 messages, \d+ bytes sent, 1 received, close 1000/),
    ])
    expect(Number(port)).toBeGreaterThan(0)
    expect(io.err.lines[0]).toMatch(
      /^session\.ndjson\.gz: 500 messages, \d+ bytes, 0\.5 s recorded from wss:.*speed max$/,
    )
    expect(io.err.lines[1]).toMatch(/^client 1 127\.0\.0\.1:\d+ connected, asking for \/path$/)
    expect(io.err.text).not.toContain('secret')
    io.signal('SIGTERM')
    expect(await done).toBe(0)
    expect((await run('watch', url)).code).toBe(1)
  })

  test('--once ends by itself', async () => {
    const { url, done } = await replay('--speed', 'max', '--once')
    expect((await run('watch', url, '--quiet')).code).toBe(0)
    expect(await done).toBe(0)
  })

  test('a reader of stdout that goes ends it', async () => {
    const { io, done } = await replay()
    io.out.breakPipe()
    expect(await done).toBe(0)
  })

  test('a second signal ends at once', async () => {
    const clock = new VirtualClock()
    const io = new TestIo(clock)
    const done = runCli(['replay-server', file('session.ndjson', session()), '--port', '0'], io)
    const url = await io.line(/^ws:/)
    const client = new WebSocket(url)
    await new Promise((resolve) => client.once('open', resolve))
    // It does not answer CLOSE, so that the server waits for it.
    client.pause()
    io.signal('SIGINT')
    clock.advance(500)
    io.signal('SIGINT')
    expect(io.exits).toEqual([130])
    clock.advance(500)
    expect(await done).toBe(0)
    client.terminate()
  })

  test.each([
    ['missing', [], 'no such file'],
    ['no-gzip', ['\u0089PNG'], 'neither gzip nor NDJSON; a capture is NDJSON, plain or gzipped'],
    ['bad-header', ['{"format":"x"}\n'], 'line 1: not the header of a capture: "format" must be "shared-ws-capture/1"'],
    [
      'bad-line',
      [`${HEADER}\n${'{"dir":"in","tMs":1,"text":""}\n'.repeat(99)}{"dir":"in"}\n`],
      'line 101: "tMs" must be',
    ],
  ])('%s file: exit code 1, nothing listens', async (name, [content], reason) => {
    const path = content === undefined ? join(dir, name) : file(name, content)
    const { code, out, err } = await run('replay-server', path, '--port', '0')
    expect([code, out]).toEqual([1, []])
    expect(err).toContain(`shared-ws replay-server: ${path}`)
    expect(err).toContain(reason)
  })

  test('--loop over a capture without messages is refused', async () => {
    const { code, err } = await run('replay-server', file('empty.ndjson', `${HEADER}\n`), '--port', '0', '--loop')
    expect(code).toBe(1)
    expect(err).toContain('holds no message of the exchange, so there is nothing to --loop')
  })

  test('a port in use, and a host that is not ours', async () => {
    const { url } = await replay()
    const { port } = new URL(url)
    const path = join(dir, 'session.ndjson.gz')
    const taken = await run('replay-server', path, '--port', port)
    expect(taken.code).toBe(1)
    expect(taken.err).toContain(`port ${port} on 127.0.0.1 is in use (EADDRINUSE); give another with --port N`)
    const foreign = await run('replay-server', path, '--port', '0', '--host', '192.0.2.1')
    expect(foreign.code).toBe(1)
    expect(foreign.err).toContain('192.0.2.1 is no address of this machine (EADDRNOTAVAIL)')
  })
})
