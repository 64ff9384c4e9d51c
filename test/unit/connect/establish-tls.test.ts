import { describe, expect, it } from 'vitest'
import { RawLinkError } from '../../../src/connect/raw-link.ts'
import type { WsConnectRequest } from '../../../src/connect/request.ts'
import type { TlsSession } from '../../../src/connect/tls-sessions.ts'
import { causeOf, lookupOf, network, pass, run, withNetwork } from './establish-support.ts'

withNetwork()

let hosts = 0
/** Of a host of its own: the sessions are those of the process. */
const newRequest = (change: Partial<WsConnectRequest> = {}): WsConnectRequest =>
  network.request(`wss://host${hosts++}.example/`, { lookup: lookupOf('10.0.0.1'), ...change })

const ticket = (name: number, change: Partial<TlsSession> = {}): TlsSession => ({
  handle: name,
  byteLength: 1,
  expiresAtMs: Number.POSITIVE_INFINITY,
  singleUse: true,
  ...change,
})

describe('TLS sessions', () => {
  it('are offered by the next connection, one each, for as long as their link gives them', async () => {
    const request = newRequest()
    const first = (await run(request)).link
    expect(first.exchange?.session).toBeUndefined()
    first.exchange?.onSession?.(ticket(1))
    first.exchange?.onSession?.(ticket(2))
    const second = (await run(request)).link
    expect(second.exchange?.session?.handle).toBe(2)
    first.exchange?.onSession?.(ticket(3))
    expect((await run(request)).link.exchange?.session?.handle).toBe(3)
    expect((await run(request)).link.exchange?.session?.handle).toBe(1)
    expect((await run(request)).link.exchange?.session).toBeUndefined()
  })

  it('are not offered to another port, nor under other options', async () => {
    const request = newRequest()
    const { link } = await run(request)
    for (const name of [1, 2, 3]) link.exchange?.onSession?.(ticket(name))
    const elsewhere = { ...request, url: new URL(request.url.href.replace('.example', '.example:444')) }
    const careless = { ...request, tls: { validateCerts: false } }
    for (const other of [elsewhere, careless]) {
      expect((await run(other)).link.exchange?.session).toBeUndefined()
    }
  })

  it('are neither taken nor kept when nobody wants them', async () => {
    const request = newRequest()
    const { link } = await run(request)
    link.exchange?.onSession?.(ticket(1))
    const exchange = (await run({ ...request, tls: { sessionResumption: false } })).link.exchange
    expect(exchange).toEqual({ session: undefined, onSession: undefined, onKeyLog: undefined })
  })

  it('end with the clock of the request', async () => {
    const request = newRequest()
    const { link } = await run(request)
    const nowMs = network.clock.epochUs() / 1000
    link.exchange?.onSession?.(ticket(1, { expiresAtMs: nowMs + 500, singleUse: false }))
    expect((await run(request)).link.exchange?.session).toBeDefined()
    network.clock.advance(500)
    expect((await run(request)).link.exchange?.session).toBeUndefined()
  })

  it.each<[string, () => Promise<never>]>([
    ['is refused', () => Promise.reject(new RawLinkError('ERR_SSL_BAD_TICKET', 'no'))],
    ['throws', () => Promise.reject(new Error('a defect'))],
    ['hangs', () => new Promise<never>(() => {})],
  ])('are all given up when a handshake with one of them %s', async (_what, tls) => {
    const request = newRequest()
    const { link } = await run(request)
    link.exchange?.onSession?.(ticket(1))
    link.exchange?.onSession?.(ticket(2))
    link.destroy()
    const wellBehaved = network.setUp
    network.setUp = (next) => {
      next.tls = tls
    }
    const cause = causeOf(run(request))
    await pass(4000)
    expect(await cause).toMatchObject({ kind: 'handshake-failed', stage: 'tls' })
    expect(network.links.at(-1)?.exchange?.session?.handle).toBe(2)
    network.setUp = wellBehaved
    expect((await run(request)).link.exchange?.session).toBeUndefined()
  })

  it('stay when a handshake without one fails', async () => {
    const request = newRequest()
    const { link } = await run(request)
    link.destroy()
    const wellBehaved = network.setUp
    network.setUp = (next) => {
      next.tls = () => {
        link.exchange?.onSession?.(ticket(1))
        return Promise.reject(new RawLinkError('ECONNRESET', 'no'))
      }
    }
    await causeOf(run(request))
    network.setUp = wellBehaved
    expect((await run(request)).link.exchange?.session?.handle).toBe(1)
  })
})

describe('the key log', () => {
  it('goes to the function, whose context is one of its own', async () => {
    const lines: string[] = []
    const { link } = await run(newRequest({ tls: { keyLog: (line) => lines.push(line) } }))
    link.exchange?.onKeyLog?.('CLIENT_RANDOM 00 11')
    expect(lines).toEqual(['CLIENT_RANDOM 00 11'])
    expect(link.startTlsWith?.keyLog).toBe(true)
    const plain = (await run(newRequest())).link
    expect(plain.startTlsWith?.keyLog).toBe(false)
    expect(plain.startTlsWith?.contextKey).not.toBe(link.startTlsWith?.contextKey)
  })
})
