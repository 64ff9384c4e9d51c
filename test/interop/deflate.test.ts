import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { ConnectOptions } from '../../src/index.ts'
import type { DeflateAnswers, InteropServer, RunningServer } from './catalogue.ts'
import { forEachServer, TRANSPORTS } from './chosen.ts'
import { InteropClient } from './client.ts'
import { expectEchoes, expectFragmented, expectOrder, MIB, SIZES } from './echoes.ts'

interface Offer {
  readonly name: string
  readonly answer: keyof DeflateAnswers
  readonly perMessageDeflate: NonNullable<ConnectOptions['perMessageDeflate']>
  readonly maxBytes: number
}

const compress = { thresholdBytes: 0 }
const OFFERS: readonly Offer[] = [
  { name: 'received only', answer: 'plain', perMessageDeflate: true, maxBytes: MIB },
  { name: 'both ways', answer: 'plain', perMessageDeflate: { compress }, maxBytes: 16 * MIB },
  {
    name: 'each message by itself',
    answer: 'single',
    perMessageDeflate: { serverNoContextTakeover: true, clientNoContextTakeover: true, compress },
    maxBytes: MIB,
  },
  {
    name: 'windows of 10 bits',
    answer: 'small',
    perMessageDeflate: { serverMaxWindowBits: 10, clientMaxWindowBits: 10, compress },
    maxBytes: MIB,
  },
]

forEachServer((server) => {
  const { deflate } = server.traits
  if (deflate === undefined) return declines(server)
  const running = started(server)
  describe.each(TRANSPORTS)('over %s', (transport) => {
    describe.each(OFFERS)('$name', (offer) => suite(server, running, deflate[offer.answer], transport, offer))
  })
})

function started(server: InteropServer): () => RunningServer {
  let running: RunningServer
  beforeAll(async () => {
    running = await server.start({ deflate: true })
  })
  afterAll(() => running?.stop())
  return () => running
}

function suite(
  { traits }: InteropServer,
  running: () => RunningServer,
  answer: string,
  transport: (typeof TRANSPORTS)[number],
  { perMessageDeflate, maxBytes }: Offer,
): void {
  const clients: InteropClient[] = []
  const attempt = (options: ConnectOptions = {}): InteropClient => {
    const client = new InteropClient(running(), { transport, perMessageDeflate, ...options })
    clients.push(client)
    return client
  }
  const open = (options?: ConnectOptions): Promise<InteropClient> => attempt(options).opened()
  afterEach(async () => {
    for (const { connection } of clients.splice(0)) await connection.close()
  })

  if (answer.startsWith('ERR_')) {
    test('what it agrees to is not what was asked for, so there is no connection', async () => {
      expect((await attempt().closed()).cause).toMatchObject({ kind: 'handshake-failed', code: answer })
    })
    return
  }

  test('it agrees as it is known to', async () => {
    const client = await open()
    const { responseHeaders } = await client.connection.ready()
    const extensions = responseHeaders.filter(([name]) => name.toLowerCase() === 'sec-websocket-extensions')
    expect(extensions.map(([, value]) => value)).toEqual([answer])
  })

  const limit = Math.min(maxBytes, traits.maxSentBytes ?? maxBytes)
  test.each(SIZES.filter((size) => size <= limit))(
    'text and binary of %i bytes come back as they were',
    async (size) => {
      await expectEchoes(await open(), size)
    },
  )

  test('what is compressed is smaller on the wire', async () => {
    const client = await open()
    const text = '{"price":"100000.5","size":"0.001"}'.repeat(1000)
    client.connection.send(text)
    expect((await client.next()).text()).toBe(text)
    const { bytesReceived, bytesSent } = client.connection.stats()
    expect(bytesReceived).toBeLessThan(text.length / 10)
    if (perMessageDeflate === true) expect(bytesSent).toBeGreaterThan(text.length)
    else expect(bytesSent).toBeLessThan(text.length / 10)
  })

  test('many messages come back in order, compressed or too short for that', async () => {
    const texts = Array.from({ length: 500 }, (_, i) => `${i} `.repeat(1 + ((i * 37) % 800)))
    await expectOrder(await open({ lanes: { normalBytes: 16 * MIB } }), texts)
  })

  if (traits.fragments) {
    test('a message in fragments is one message', async () => {
      await expectFragmented(await open({ limits: { maxFrameBytes: 8192 } }))
    })
  }

  test('a message that inflates beyond the limit ends it with 1009', async () => {
    const client = await open({ limits: { maxMessageBytes: 10_000 } })
    client.connection.send('x'.repeat(50_000))
    const { cause } = await client.closed()
    expect(cause).toMatchObject({ kind: 'protocol-violation', closeCode: 1009 })
    expect(await client.told('close')).toMatchObject({ code: 1009 })
  })
}

/** It has no permessage-deflate: an offer costs nothing, unless it is required. */
function declines(server: InteropServer): void {
  const running = started(server)
  test.each(TRANSPORTS)('over %s an offer is declined', async (transport) => {
    const client = await new InteropClient(running(), { transport, perMessageDeflate: true }).opened()
    await expectEchoes(client, 1000)
    await client.connection.close()
    const demanding = new InteropClient(running(), { transport, perMessageDeflate: { required: true } })
    expect((await demanding.closed()).cause).toMatchObject({ code: 'ERR_UPGRADE_DEFLATE_DECLINED' })
  })
}
