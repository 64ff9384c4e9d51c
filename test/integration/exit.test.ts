import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { CompiledLibrary, runChild } from '../support/child.ts'
import { FloodServer } from '../support/flood-server.ts'
import { RawServer, tlsFixture, upgrade } from '../support/raw-server.ts'
import { TRANSPORTS } from './front-support.ts'

let library: CompiledLibrary
const servers: { close(): Promise<void> }[] = []

beforeAll(() => {
  library = new CompiledLibrary()
})
afterAll(() => library.remove())
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

async function flood(): Promise<string> {
  const server = await FloodServer.listen()
  servers.push(server)
  return server.url
}

async function raw(options: Parameters<typeof RawServer.listen>[0]): Promise<RawServer> {
  const server = await RawServer.listen(options)
  servers.push(server)
  return server
}

async function refusedUrl(): Promise<string> {
  const server = await RawServer.listen()
  await server.close()
  return server.url
}

describe.each(TRANSPORTS)('a process exits by itself, over %s,', (transport) => {
  const run = (scenario: string, url: string) => runChild('connections.mjs', [library.entry, transport, scenario, url])
  const clean = (stdout: RegExp) => ({ code: 0, signal: null, stderr: '', stdout: expect.stringMatching(stdout) })

  it.each(['use and close', 'leave the loop', 'pause and close', 'heal, then close', 'close while backing off'])(
    'after: %s',
    async (scenario) => {
      expect(await run(scenario, await flood())).toEqual(clean(/^local-stop \w+\n$/))
    },
  )

  it('when the server ends the connection, and not before', async () => {
    const server = await raw({})
    const running = run('wait for the server to end it', server.url)
    const peer = await server.connection()
    await peer.close(1001)
    await peer.expectFrame(8)
    peer.halfClose()
    expect(await running).toEqual(clean(/^open\nremote-closed \w+\n$/))
  })

  it.each([
    ['a refused port', refusedUrl, /^handshake-failed ECONNREFUSED\n$/],
    [
      'HTTP 401',
      async () => (await raw({ script: upgrade.refuse('401 Unauthorized') })).url,
      /^handshake-failed ERR_UPGRADE_REFUSED\n$/,
    ],
    [
      'an untrusted certificate',
      async () => (await raw({ tls: tlsFixture('self-signed') })).url,
      /^handshake-failed DEPTH_ZERO_SELF_SIGNED_CERT\n$/,
    ],
    [
      'a server that says nothing',
      async () => (await raw({ script: upgrade.silent() })).url,
      /^handshake-failed ERR_UPGRADE_TIMEOUT\n$/,
    ],
    [
      'a server that says nothing to TLS',
      async () => (await raw({ script: upgrade.silent() })).url.replace('ws:', 'wss:'),
      /^handshake-failed ERR_TLS_TIMEOUT\n$/,
    ],
    [
      'garbage',
      async () => (await raw({ script: upgrade.answer('garbage\r\n\r\n') })).url,
      /^handshake-failed ERR_UPGRADE_NOT_HTTP\n$/,
    ],
  ])('after a connection that failed: %s', async (_, url, stdout) => {
    expect(await run('fail', await url())).toEqual(clean(stdout))
  })

  it.each([
    ['close while connecting', /^local-stop \w+\n$/],
    ['abort while connecting', /^local-stop ERR_ABORTED\n$/],
    ['hang in a function of the user', /^handshake-failed ERR_CONNECT_TIMEOUT\n$/],
    ['ready gives up first', /^ERR_TIMEOUT\nhandshake-failed ERR_UPGRADE_TIMEOUT\n$/],
  ])('after: %s', async (scenario, stdout) => {
    const { url } = await raw({ script: upgrade.silent() })
    expect(await run(scenario, url)).toEqual(clean(stdout))
  })
})

describe.each(TRANSPORTS)('a process that ends in the middle of traffic, over %s,', (transport) => {
  const run = async (scenario: string) =>
    runChild('connections.mjs', [library.entry, transport, scenario, await flood()])

  it('by process.exit() does not crash', async () => {
    for (let round = 0; round < 3; round++) {
      expect(await run('process.exit')).toEqual({ code: 7, signal: null, stdout: '', stderr: '' })
    }
  })

  it('by an exception ends as Node does', async () => {
    const { code, signal, stderr } = await run('an exception')
    expect({ code, signal }).toEqual({ code: 1, signal: null })
    expect(stderr).toContain('user code failed outside any callback')
  })
})
