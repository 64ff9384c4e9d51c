import { spawnSync } from 'node:child_process'
import { afterEach, describe, expect, test } from 'vitest'
import { type ConnectOptions, connect, type WsProxyInit } from '../../src/index.ts'
import { RawServer, tlsFixture, tlsFixtureCa } from '../support/raw-server.ts'
import { PATIENT } from './client.ts'
import { type RunningProxy, startDante, startSquid } from './proxies.ts'
import { PATIENCE_MS } from './server-program.ts'

/** Not part of CI's: proxies of ours are there (test/integration/proxies.test.ts). */
const all = process.env['INTEROP_ALL'] === '1'
const ca = tlsFixtureCa()
const endings: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

const has = (command: string): boolean => spawnSync(command, ['-v'], { stdio: 'ignore' }).error === undefined

interface Case {
  readonly name: string
  readonly command: string
  readonly debian: string
  start(): Promise<RunningProxy>
  proxy(port: number, user: string): WsProxyInit
}

const CASES: readonly Case[] = [
  {
    name: 'squid',
    command: 'squid',
    debian: 'squid',
    start: () => startSquid(false),
    proxy: (port, user) => `http://${user}127.0.0.1:${port}`,
  },
  {
    name: 'squid over TLS',
    command: 'squid',
    debian: 'squid',
    start: () => startSquid(true),
    proxy: (port, user) => ({ url: `https://${user}localhost:${port}`, tls: { ca } }),
  },
  {
    name: 'dante',
    command: 'danted',
    debian: 'dante-server',
    start: startDante,
    proxy: (port) => `socks5://127.0.0.1:${port}`,
  },
  {
    name: 'dante, which looks names up',
    command: 'danted',
    debian: 'dante-server',
    start: startDante,
    proxy: (port) => `socks5h://127.0.0.1:${port}`,
  },
]

describe.skipIf(!all)('through proxies that others wrote (npm run test:interop -- --all)', () => {
  describe.each(CASES)('$name', ({ command, debian, start, proxy }) => {
    const isMissing = !has(command)
    if (isMissing) console.warn(`skipped: ${command} is not installed: apt-get install ${debian}`)

    test.skipIf(isMissing).each(['native', 'ws'] as const)(
      'messages both ways, plain and TLS, over %s',
      async (transport) => {
        const running = await start()
        endings.push(running.stop)
        for (const tls of [undefined, tlsFixture('localhost')]) {
          const server = await RawServer.listen(tls === undefined ? {} : { tls })
          endings.push(() => server.close())
          const seen: string[] = []
          const options: ConnectOptions = {
            transport,
            proxy: proxy(running.port, 'me:s3cret@'),
            family: 4,
            tls: { ca },
            ...PATIENT,
            closeTimeoutMs: 1,
            reconnect: false,
            onMessage: (message) => seen.push(message.text()),
          }
          const url = `${tls === undefined ? 'ws' : 'wss'}://localhost:${server.port}/`
          const feed = connect(url, options)
          await feed.ready()
          const peer = await server.connection()
          const large = 'x'.repeat(1_000_000)
          feed.send(large)
          expect((await peer.expectFrame(1)).payload.length).toBe(large.length)
          await peer.text(large)
          await expect.poll(() => seen.map(({ length }) => length), { timeout: PATIENCE_MS }).toEqual([large.length])
          await feed.close()
        }
      },
    )

    test.skipIf(isMissing).each(['native', 'ws'] as const)('a server that is not there, over %s', async (transport) => {
      const running = await start()
      endings.push(running.stop)
      const own = { transport, family: 4, reconnect: false, proxy: proxy(running.port, 'me:s3cret@') } as const
      const given: ConnectOptions = { ...PATIENT, ...own }
      const { cause } = await connect('wss://127.0.0.1:1/', given).closed()
      expect(cause).toMatchObject({ kind: 'handshake-failed', stage: 'proxy' })
      expect(cause.code).toMatch(/^ERR_(PROXY_REFUSED|SOCKS_CONNECTION_REFUSED)$/)
    })
  })

  test.skipIf(!has('squid')).each([
    ['', 'ERR_PROXY_AUTH_REQUIRED'],
    ['me:wr0ng@', 'ERR_PROXY_AUTH_REFUSED'],
  ])('squid refuses credentials: %j', async (user, code) => {
    const running = await startSquid(false)
    endings.push(running.stop)
    const proxy = `http://${user}127.0.0.1:${running.port}`
    const { cause } = await connect('ws://localhost/', { proxy, reconnect: false }).closed()
    expect(cause).toMatchObject({ stage: 'proxy', code, http: { status: 407 } })
    expect(JSON.stringify(cause)).not.toContain('wr0ng')
  })
})
