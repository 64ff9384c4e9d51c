import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { establish } from '../../../src/connect/establish.ts'
import { RawLinkError } from '../../../src/connect/raw-link.ts'
import type { WsAddress, WsConnectRequest } from '../../../src/connect/request.ts'
import { WsConnectError, type WsDisconnectCause } from '../../../src/errors/disconnect-cause.ts'
import { hang, refuse, ScriptedNetwork, settle, switching, TLS_INFO } from './scripted-link.ts'

const address = (text: string): WsAddress => ({ address: text, family: text.includes(':') ? 6 : 4 })
const lookupOf =
  (...addresses: string[]): WsConnectRequest['lookup'] =>
  () =>
    Promise.resolve(addresses.map(address))

let network: ScriptedNetwork
let stop: AbortController
const unhandled: unknown[] = []
const onUnhandled = (reason: unknown): void => {
  unhandled.push(reason)
}

beforeEach(() => {
  network = new ScriptedNetwork()
  stop = new AbortController()
  unhandled.length = 0
  process.on('unhandledRejection', onUnhandled)
})

/** After every test: whatever happened, nothing is left. */
afterEach(async () => {
  await settle()
  process.off('unhandledRejection', onUnhandled)
  expect(unhandled).toEqual([])
  expect(network.clock.pendingTimers).toBe(0)
})

const run = (request: WsConnectRequest) => establish(network.open, request, stop.signal)

async function causeOf(promise: Promise<unknown>): Promise<WsDisconnectCause & Record<string, unknown>> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(WsConnectError)
  // No socket is left at the moment of the rejection.
  expect(network.openLinks).toBe(0)
  return (error as WsConnectError).disconnectCause as WsDisconnectCause & Record<string, unknown>
}

/** Moves time in small steps, so that what hangs on promises happens between them. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) {
    await settle()
    network.clock.advance(Math.min(500, ms - passed))
  }
  await settle()
}

describe('a connection that comes about', () => {
  it('goes through lookup, TCP and upgrade on ws:', async () => {
    network.setUp = (link) => {
      link.onRequest = () => {
        link.push(switching(link.key, 'Sec-WebSocket-Protocol: b\r\nX-Node: 7\r\n'))
      }
    }
    const asked: string[] = []
    const lookup = (name: string) => {
      asked.push(name)
      return Promise.resolve([address('10.0.0.1')])
    }
    const done = await run(network.request('ws://example.com:8080/x', { lookup, subprotocols: ['a', 'b'] }))
    expect(asked).toEqual(['example.com'])
    expect(network.asked).toEqual(['10.0.0.1:8080'])
    expect(done.subprotocol).toBe('b')
    expect(done.responseHeaders).toContainEqual(['X-Node', '7'])
    expect(done.tls).toBeUndefined()
    expect(done.glued).toHaveLength(0)
    expect(done.link.destroyed).toBe(false)
    expect(done.link.startTlsWith).toBeUndefined()
  })

  it('does TLS before the upgrade on wss:, port 443', async () => {
    const done = await run(network.request('wss://example.com/', { lookup: lookupOf('10.0.0.1') }))
    expect(network.asked).toEqual(['10.0.0.1:443'])
    expect(done.tls).toEqual(TLS_INFO)
    expect(done.link.startTlsWith).toMatchObject({ serverName: 'example.com', verify: true })
  })

  it('hands over the bytes behind the response head', async () => {
    network.setUp = (link) => {
      link.onRequest = () => link.push(Buffer.concat([Buffer.from(switching(link.key)), Buffer.from([0x81, 1, 0x61])]))
    }
    const { glued } = await run(network.request('ws://127.0.0.1/'))
    expect([...glued]).toEqual([0x81, 1, 0x61])
  })

  it.each(['ws://127.0.0.1:9/', 'ws://[::1]:9/'])('asks no lookup for %s', async (url) => {
    const lookup = (): never => {
      throw new Error('must not be asked')
    }
    await run(network.request(url, { lookup }))
    expect(network.asked).toEqual([url.includes('::1') ? '::1:9' : '127.0.0.1:9'])
  })

  it('tries the next address when one refuses or stays silent, and destroys what comes late', async () => {
    let late: (() => void) | undefined
    network.byAddress.set('10.0.0.1', refuse('ECONNREFUSED'))
    network.byAddress.set('10.0.0.2', (link) => new Promise((resolve) => (late = () => resolve(link))))
    const lookup = lookupOf('10.0.0.1', '10.0.0.2', '10.0.0.3')
    const promise = run(network.request('ws://example.com/', { lookup }))
    await pass(2000)
    const { link } = await promise
    expect(network.asked).toEqual(['10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80'])
    expect(network.links).toEqual([link])
    late?.()
    await settle()
    expect(network.links).toHaveLength(2)
    expect(network.openLinks).toBe(1)
    expect(link.destroyed).toBe(false)
  })

  it('keeps a connection whose signal aborts later', async () => {
    const { link } = await run(network.request('ws://127.0.0.1/'))
    stop.abort()
    expect(link.destroyed).toBe(false)
  })
})

describe('lookups that fail', () => {
  const dns = (lookup: unknown) =>
    causeOf(run(network.request('ws://user.example/?token=1', { lookup: lookup as WsConnectRequest['lookup'] })))
  const coded = Object.assign(new Error('getaddrinfo ENOTFOUND user.example'), { code: 'ENOTFOUND' })

  it.each([
    ['rejects with a system error', () => Promise.reject(coded), 'ENOTFOUND', /spelling/],
    [
      'throws',
      () => {
        throw new TypeError('oops')
      },
      'ERR_DNS_FAILED',
      /oops/,
    ],
    ['rejects with no Error', () => Promise.reject('text'), 'ERR_DNS_FAILED', /no Error: string/],
    ['rejects with a page', () => Promise.reject(new Error('page '.repeat(9999))), 'ERR_DNS_FAILED', /^.{400,700}$/],
    ['is no function', 17, 'ERR_DNS_FAILED', /not a function/],
    ['resolves to nothing', () => Promise.resolve([]), 'ERR_DNS_NO_ADDRESS', /gave no address/],
    ['resolves to no array', () => Promise.resolve('1.2.3.4'), 'ERR_DNS_LOOKUP_INVALID', /array of .* not string/],
    [
      'resolves to names',
      () => Promise.resolve([{ address: 'foo', family: 4 }]),
      'ERR_DNS_LOOKUP_INVALID',
      /\[0\]\.address/,
    ],
    ['resolves to a null', () => Promise.resolve([null]), 'ERR_DNS_LOOKUP_INVALID', /\[0\]\.address/],
    [
      'resolves to a wrong family',
      () => Promise.resolve([address('1.2.3.4'), { address: '::1', family: 4 }]),
      'ERR_DNS_LOOKUP_INVALID',
      /\[1\]\.family is not 6/,
    ],
  ])('%s', async (_, lookup, code, message) => {
    const cause = await dns(lookup)
    expect(cause).toMatchObject({ kind: 'handshake-failed', stage: 'dns', code })
    expect(cause.message).toMatch(message)
    expect(cause.message).toContain('ws://user.example/ (user.example:80)')
    expect(cause.message).not.toContain('token')
    expect(network.asked).toEqual([])
  })

  it('keeps the error that was thrown', async () => {
    expect((await dns(() => Promise.reject(coded))).error).toBe(coded)
  })
})

describe('TCP that fails', () => {
  it('names each address and its error; the code is that of the last', async () => {
    network.byAddress.set('10.0.0.1', refuse('EHOSTUNREACH'))
    network.byAddress.set('::9', refuse('ECONNREFUSED'))
    const cause = await causeOf(run(network.request('ws://example.com/', { lookup: lookupOf('10.0.0.1', '::9') })))
    expect(cause).toMatchObject({ kind: 'handshake-failed', stage: 'tcp', code: 'ECONNREFUSED' })
    expect(cause.message).toContain('10.0.0.1:80: connect EHOSTUNREACH')
    expect(cause.message).toContain('[::9]:80: connect ECONNREFUSED')
    expect(cause.message).toContain('nothing listens there')
    expect(cause.error).toBeInstanceOf(RawLinkError)
  })

  it('bounds the list', async () => {
    const many = Array.from({ length: 100 }, (_, i) => `10.0.0.${i}`)
    for (const one of many) network.byAddress.set(one, refuse('ECONNREFUSED'))
    const cause = await causeOf(run(network.request('ws://example.com/', { lookup: lookupOf(...many) })))
    expect(network.asked).toHaveLength(100)
    expect(cause.message).toContain('and 92 more')
    expect(cause.message.length).toBeLessThan(1000)
  })

  it('gives an opener that throws something else a code of its own', async () => {
    network.byAddress.set('127.0.0.1', () => Promise.reject(new RangeError('too many links')))
    const cause = await causeOf(run(network.request('ws://127.0.0.1/')))
    expect(cause).toMatchObject({ stage: 'tcp', code: 'ERR_TCP_FAILED' })
    expect(cause.message).toContain('too many links')
  })
})

describe('TLS that fails', () => {
  it('for a mistake in the options fails before a socket is opened', async () => {
    const request = network.request('wss://example.com/', { lookup: lookupOf('10.0.0.1'), tls: { ca: [] } })
    const cause = await causeOf(run(request))
    expect(cause).toMatchObject({ kind: 'handshake-failed', stage: 'prepare', code: 'ERR_CONFIG' })
    expect(cause.message).toContain('tls.ca: is empty')
    expect(network.asked).toEqual([])
  })

  it.each([
    ['DEPTH_ZERO_SELF_SIGNED_CERT', /tls\.ca.*validateCerts: false is for tests only/],
    ['ERR_TLS_CERT_ALTNAME_INVALID', /tls\.serverName/],
    ['CERT_HAS_EXPIRED', /clock/],
    ['ERR_SSL_WRONG_VERSION_NUMBER', /does not speak TLS/],
    ['ERR_SOCKET_ENDED', /hung up during the TLS handshake/],
  ])('%s says what to do, and no other address is tried', async (code, hint) => {
    network.setUp = (link) => {
      link.tls = () => Promise.reject(new RawLinkError(code, 'words of\nOpenSSL\n'))
    }
    const lookup = lookupOf('10.0.0.1', '10.0.0.2')
    const cause = await causeOf(run(network.request('wss://example.com/', { lookup })))
    expect(cause).toMatchObject({ kind: 'handshake-failed', stage: 'tls', code })
    expect(cause.message).toContain(`words of OpenSSL (${code})`)
    expect(cause.message).toMatch(hint)
    expect(network.asked).toEqual(['10.0.0.1:443'])
  })
})

describe('an upgrade that fails', () => {
  const answering = (...answer: (string | [code: string])[]): Promise<WsDisconnectCause & Record<string, unknown>> => {
    network.setUp = (link) => {
      link.onRequest = () => {
        for (const part of answer) typeof part === 'string' ? link.push(part) : link.fail(part[0])
      }
    }
    return causeOf(run(network.request('ws://127.0.0.1:81/x?secret=1')))
  }

  it('reports a refusal with status, headers and body', async () => {
    const cause = await answering('HTTP/1.1 429 Slow\r\nRetry-After: 17\r\nContent-Length: 4\r\n\r\nwait')
    expect(cause).toMatchObject({
      kind: 'handshake-failed',
      stage: 'upgrade',
      code: 'ERR_UPGRADE_REFUSED',
      http: {
        status: 429,
        statusText: 'Slow',
        headers: [
          ['Retry-After', '17'],
          ['Content-Length', '4'],
        ],
        body: 'wait',
        bodyTruncated: false,
      },
    })
    expect(cause.message).toContain('ws://127.0.0.1:81/x (127.0.0.1:81)')
    expect(cause.message).toContain('HTTP 429 Slow')
    expect(cause.message).toContain('Retry-After: "17"')
    expect(cause.message).not.toContain('secret')
  })

  it('reports a body that ends with the connection as whole', async () => {
    const cause = await answering('HTTP/1.1 503 Down\r\n\r\nback at ', 'noon', ['ERR_SOCKET_ENDED'])
    expect(cause.http).toMatchObject({ status: 503, body: 'back at noon', bodyTruncated: false })
  })

  it.each([
    ['Content-Length: 100\r\n', 'ERR_SOCKET_ENDED'],
    ['Content-Length: 100\r\n', 'ECONNRESET'],
    ['', 'ECONNRESET'],
  ])('reports a body (%j) cut short by %s as truncated', async (header, code) => {
    const cause = await answering(`HTTP/1.1 403 No\r\n${header}\r\nbecause`, [code])
    expect(cause).toMatchObject({
      code: 'ERR_UPGRADE_REFUSED',
      http: { status: 403, body: 'because', bodyTruncated: true },
    })
  })

  it('keeps the head of a 101 that does not fit', async () => {
    const cause = await answering('HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: upgrade\r\nX: y\r\n\r\n')
    expect(cause).toMatchObject({ stage: 'upgrade', code: 'ERR_UPGRADE_ACCEPT_MISSING', http: { status: 101 } })
  })

  it('says that garbage is garbage, and nothing about HTTP', async () => {
    const cause = await answering('SSH-2.0-OpenSSH_9.6\r\n')
    expect(cause).toMatchObject({ stage: 'upgrade', code: 'ERR_UPGRADE_NOT_HTTP' })
    expect(cause.http).toBeUndefined()
    expect(cause.message).toContain('"SSH-2.0-OpenSSH_9.6\\r\\n"')
  })

  it('says that the server hung up', async () => {
    const cause = await answering('HTTP/1.1 101 Sw', ['ERR_SOCKET_ENDED'])
    expect(cause).toMatchObject({ stage: 'upgrade', code: 'ERR_SOCKET_ENDED' })
    expect(cause.message).toContain('hung up')
  })
})

type Case = [stage: string, url: string, set: () => Partial<WsConnectRequest>]
const never = (): Promise<never> => new Promise(() => {})

/** Each makes exactly one stage hang for ever. */
const STAGES: Case[] = [
  ['dns', 'ws://example.com/', () => ({ lookup: never })],
  [
    'tcp',
    'ws://127.0.0.1/',
    () => {
      network.byAddress.set('127.0.0.1', hang)
      return {}
    },
  ],
  [
    'tls',
    'wss://127.0.0.1/',
    () => {
      network.setUp = (link) => {
        link.tls = never
      }
      return {}
    },
  ],
  [
    'upgrade',
    'ws://127.0.0.1/',
    () => {
      network.setUp = () => {}
      return {}
    },
  ],
]

describe.each(STAGES)('a server silent in stage %s', (stage, url, set) => {
  const timeouts = { dnsMs: 1000, tcpMs: 2000, tlsMs: 3000, upgradeMs: 4000, totalMs: 9000 }
  const limit = timeouts[`${stage}Ms` as keyof typeof timeouts]

  it('is given up at its deadline, not before', async () => {
    let settled = false
    const promise = run(network.request(url, set())).finally(() => {
      settled = true
    })
    const cause = causeOf(promise)
    await pass(limit - 1)
    expect(settled).toBe(false)
    await pass(1)
    expect(settled).toBe(true)
    expect(await cause).toMatchObject({
      kind: 'handshake-failed',
      stage,
      code: `ERR_${stage.toUpperCase()}_TIMEOUT`,
      message: expect.stringContaining(`within ${limit} ms (timeouts.${stage}Ms)`),
    })
  })

  it('is given up at the deadline for all stages, when that comes first', async () => {
    const cause = causeOf(run(network.request(url, { ...set(), timeouts: { ...timeouts, totalMs: 700 } })))
    await pass(700)
    expect(await cause).toMatchObject({
      kind: 'handshake-failed',
      stage,
      code: 'ERR_CONNECT_TIMEOUT',
      message: expect.stringContaining('within 700 ms (timeouts.totalMs)'),
    })
  })

  it('is given up when the signal aborts', async () => {
    const cause = causeOf(run(network.request(`${url}?token=1`, set())))
    await settle()
    stop.abort(new Error('the user pressed Ctrl-C'))
    // At once: before any promise has come round.
    expect(network.openLinks).toBe(0)
    const { kind, code, message } = await cause
    expect({ kind, code }).toEqual({ kind: 'local-stop', code: 'ERR_ABORTED' })
    expect(message).toContain('the user pressed Ctrl-C')
    expect(message).not.toContain('token')
  })
})

describe('giving up', () => {
  it('begins nothing when the signal has aborted before', async () => {
    stop.abort()
    const lookup = (): never => {
      throw new Error('must not be asked')
    }
    expect(await causeOf(run(network.request('ws://example.com/', { lookup })))).toMatchObject({ code: 'ERR_ABORTED' })
    expect(network.asked).toEqual([])
  })

  it('tells the lookup and the opener', async () => {
    const signals: AbortSignal[] = []
    const lookup: WsConnectRequest['lookup'] = (_, { signal }) => {
      signals.push(signal)
      return never()
    }
    const first = causeOf(run(network.request('ws://example.com/', { lookup })))
    network.byAddress.set('127.0.0.1', (_, signal) => {
      signals.push(signal)
      return never()
    })
    const second = causeOf(run(network.request('ws://127.0.0.1/')))
    await settle()
    expect(signals.map((signal) => signal.aborted)).toEqual([false, false])
    stop.abort()
    expect(signals.map((signal) => signal.aborted)).toEqual([true, true])
    await Promise.all([first, second])
  })

  it('destroys a link that opens after the attempt was given up, and drops a late failure', async () => {
    const late: (() => void)[] = []
    network.byAddress.set('10.0.0.1', (link) => new Promise((resolve) => late.push(() => resolve(link))))
    network.byAddress.set('10.0.0.2', () => new Promise((_, reject) => late.push(() => reject(new Error('late')))))
    const causes = ['ws://10.0.0.1/', 'ws://10.0.0.2/'].map((url) => causeOf(run(network.request(url))))
    await settle()
    stop.abort()
    await Promise.all(causes)
    for (const come of late) come()
    await settle()
    expect(network.links).toHaveLength(1)
    expect(network.openLinks).toBe(0)
  })

  it('leaks nothing in whichever microtask the signal aborts', async () => {
    const outcomes = new Set<string>()
    for (let microtasks = 0; microtasks < 60; microtasks++) {
      network = new ScriptedNetwork()
      stop = new AbortController()
      const promise = run(network.request('wss://example.com/', { lookup: lookupOf('10.0.0.1') })).then(
        ({ link }) => (link.destroyed ? 'destroyed' : 'connected'),
        ({ disconnectCause }: WsConnectError) => disconnectCause.code,
      )
      for (let i = 0; i < microtasks; i++) await undefined
      stop.abort()
      const outcome = await promise
      await settle()
      expect(network.openLinks, `after ${microtasks} microtasks`).toBe(outcome === 'connected' ? 1 : 0)
      expect(network.clock.pendingTimers).toBe(0)
      outcomes.add(outcome)
    }
    expect([...outcomes]).toEqual(['ERR_ABORTED', 'connected'])
  })

  it.each(['upgrade', 'total'])('reports a refusal whose body is incomplete at the %s deadline', async (which) => {
    network.setUp = (link) => {
      link.onRequest = () => link.push('HTTP/1.1 401 Unauthorized\r\nContent-Length: 9999\r\n\r\nwrong k')
    }
    const timeouts = { dnsMs: 1000, tcpMs: 1000, tlsMs: 1000, upgradeMs: 1000, totalMs: which === 'total' ? 500 : 9000 }
    const cause = causeOf(run(network.request('ws://127.0.0.1/', { timeouts })))
    await pass(1000)
    expect(await cause).toMatchObject({
      code: 'ERR_UPGRADE_REFUSED',
      http: { status: 401, body: 'wrong k', bodyTruncated: true },
    })
  })

  it('leaves no listener on the signal', async () => {
    let listeners = 0
    const { signal } = stop
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = ((...args: Parameters<typeof add>) => {
      listeners++
      add(...args)
    }) as typeof add
    signal.removeEventListener = ((...args: Parameters<typeof remove>) => {
      listeners--
      remove(...args)
    }) as typeof remove
    await run(network.request('ws://127.0.0.1/'))
    expect(listeners).toBe(0)
    network.byAddress.set('127.0.0.1', refuse('ECONNREFUSED'))
    await expect(run(network.request('ws://127.0.0.1/'))).rejects.toBeInstanceOf(WsConnectError)
    expect(listeners).toBe(0)
  })
})
