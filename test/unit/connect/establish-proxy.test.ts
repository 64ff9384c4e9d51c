import { describe, expect, it } from 'vitest'
import { parseProxy } from '../../../src/connect/proxy.ts'
import { RawLinkError } from '../../../src/connect/raw-link.ts'
import type { WsConnectRequest, WsLookup } from '../../../src/connect/request.ts'
import { address, causeOf, network, pass, renew, run, stop, withNetwork } from './establish-support.ts'
import { hang, refuse, type ScriptedLink, settle, switching, TLS_INFO } from './scripted-link.ts'

withNetwork()

const SECRETS = /s3cret|czNjcmV0/
const CONNECTED = 'HTTP/1.1 200 Connection established\r\n\r\n'
const HTTP = 'http://me:s3cret@proxy.example:3128'
const SOCKS = 'socks5h://proxy.example'

/** Names and what they resolve to. */
const HOSTS: Record<string, string[]> = {
  'proxy.example': ['10.9.9.9'],
  'venue.example': ['10.0.0.1'],
}
const looked: string[] = []
const lookup: WsLookup = async (name) => {
  looked.push(name)
  return (HOSTS[name] ?? []).map(address)
}

function through(proxy: unknown, url = 'wss://venue.example/ws?key=s3cret', change: Partial<WsConnectRequest> = {}) {
  looked.length = 0
  const parsed = parseProxy(proxy)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  const promise = run(network.request(url, { proxy: parsed.value, lookup, ...change }))
  promise.catch(() => {})
  return promise
}

/** A proxy that answers CONNECT with `answer`, and a server behind it that switches protocols. */
function answering(answer: string): void {
  network.setUp = (link) => {
    link.onRequest = () =>
      link.push(link.written.startsWith('CONNECT') && link.key === '' ? answer : switching(link.key))
  }
}

/** A SOCKS proxy that gives these replies in turn, one connection each, and a server behind it. */
function socks(...replies: number[]): ScriptedLink[] {
  const links: ScriptedLink[] = []
  network.setUp = (link) => {
    links.push(link)
    const reply = replies[Math.min(links.length, replies.length) - 1] as number
    const write = link.write.bind(link)
    link.write = (bytes) => {
      if (bytes[0] === 5 && bytes.length <= 4) link.push(Uint8Array.of(5, 0))
      else if (bytes[0] === 5) link.push(Uint8Array.of(5, reply, 0, 1, 0, 0, 0, 0, 0, 0))
      write(bytes)
    }
    link.onRequest = () => link.push(switching(link.key))
  }
  return links
}

describe('a way through', () => {
  it('HTTP CONNECT: the name goes to the proxy, TLS and the upgrade to the server', async () => {
    answering(CONNECTED)
    const { link, tls } = await through(HTTP)
    expect(looked).toEqual(['proxy.example'])
    expect(network.asked).toEqual(['10.9.9.9:3128'])
    expect(link.written).toMatch(
      /^CONNECT venue\.example:443 HTTP\/1\.1\r\nHost: venue\.example:443\r\nProxy-Authorization: Basic bWU6czNjcmV0\r\n\r\nGET \/ws/,
    )
    // What is for the proxy does not reach the server.
    expect(link.written.split('GET ')[1]).not.toContain('Proxy-Authorization')
    expect(link.startTlsWith).toMatchObject({ serverName: 'venue.example', verifyHost: 'venue.example' })
    expect(tls).toEqual(TLS_INFO)
  })

  it('HTTP CONNECT for ws: too, port 80', async () => {
    answering(CONNECTED)
    const { link, tls } = await through(HTTP, 'ws://venue.example/')
    expect(link.written).toMatch(/^CONNECT venue\.example:80 HTTP/)
    expect(tls).toBeUndefined()
  })

  it('TLS to the proxy, with its own options, and TLS to the server within', async () => {
    const started: (string | undefined)[] = []
    network.setUp = (link) => {
      const startTls = link.startTls.bind(link)
      link.startTls = (options, exchange) => {
        started.push(`${options.serverName} ${options.verify}`)
        return startTls(options, exchange)
      }
      link.onRequest = () => link.push(link.key === '' ? CONNECTED : switching(link.key))
    }
    await through({ url: 'https://proxy.example', tls: { validateCerts: false } })
    expect(network.asked).toEqual(['10.9.9.9:443'])
    expect(started).toEqual(['proxy.example false', 'venue.example true'])
  })

  it('SOCKS: socks5h sends the name, socks5 an address that was looked up here', async () => {
    const [first] = [socks(0)]
    await through(SOCKS)
    expect(looked).toEqual(['proxy.example'])
    expect(first[0]?.written).toContain('venue.example')
    const second = socks(0)
    await through('socks5://proxy.example')
    expect(looked).toEqual(['venue.example', 'proxy.example'])
    expect(second[0]?.written).toContain('\x05\x01\x00\x01\x0a\x00\x00\x01\x01\xbb')
  })

  it('the addresses of the proxy race', async () => {
    answering(CONNECTED)
    HOSTS['proxy.example'] = ['10.9.9.1', '::9', '10.9.9.2']
    network.byAddress.set('10.9.9.1', hang)
    network.byAddress.set('::9', refuse('ECONNREFUSED'))
    const promise = through(HTTP)
    await pass(250)
    await promise
    HOSTS['proxy.example'] = ['10.9.9.9']
    expect(network.asked).toEqual(['10.9.9.1:3128', '::9:3128', '10.9.9.2:3128'])
  })

  it('family holds for the proxy', async () => {
    const cause = await causeOf(through(HTTP, undefined, { family: 6 }))
    expect(cause).toMatchObject({ stage: 'dns', code: 'ERR_DNS_NO_ADDRESS' })
    expect(network.asked).toEqual([])
  })
})

describe('socks5: and the addresses of the server', () => {
  const three = async (use: () => Promise<void>) => {
    HOSTS['venue.example'] = ['10.0.0.1', '::1', '10.0.0.2']
    await use()
    HOSTS['venue.example'] = ['10.0.0.1']
  }

  it('are asked for in turn, each over a connection of its own, while others may be reachable', () =>
    three(async () => {
      const links = socks(8, 3, 0)
      const { link } = await through('socks5://proxy.example')
      expect(links).toHaveLength(3)
      expect(link).toBe(links[2])
      expect(links.map(({ destroyed }) => destroyed)).toEqual([true, true, false])
      expect(links.map(({ written }) => written.charCodeAt(6))).toEqual([1, 4, 1])
    }))

  it('are not, when the proxy would refuse them all', () =>
    three(async () => {
      const links = socks(2, 0)
      const cause = await causeOf(through('socks5://proxy.example'))
      expect(cause).toMatchObject({ stage: 'proxy', code: 'ERR_SOCKS_NOT_ALLOWED' })
      expect(cause.message).toContain('10.0.0.1: the proxy did not connect')
      expect(links).toHaveLength(1)
    }))

  it('all fail with the failure of the last', () =>
    three(async () => {
      const links = socks(4, 3, 5)
      const cause = await causeOf(through('socks5://proxy.example'))
      expect(cause).toMatchObject({ stage: 'proxy', code: 'ERR_SOCKS_CONNECTION_REFUSED' })
      expect(cause.message).toContain('10.0.0.2: the proxy did not connect')
      expect(links).toHaveLength(3)
    }))

  it('are at most four', async () => {
    HOSTS['venue.example'] = Array.from({ length: 20 }, (_, i) => `10.0.0.${i}`)
    const links = socks(4)
    await causeOf(through('socks5://proxy.example'))
    HOSTS['venue.example'] = ['10.0.0.1']
    expect(links).toHaveLength(4)
  })

  it('a name goes to the proxy once', async () => {
    const links = socks(4)
    const cause = await causeOf(through(SOCKS))
    expect(cause.code).toBe('ERR_SOCKS_HOST_UNREACHABLE')
    expect(links).toHaveLength(1)
  })
})

describe('no way through is a failure, told without secrets, and never gone around', () => {
  const failing = async (proxy: unknown, url?: string) => {
    const cause = await causeOf(through(proxy, url))
    expect(cause.kind).toBe('handshake-failed')
    expect(JSON.stringify(cause)).not.toMatch(SECRETS)
    expect(network.asked.every((where) => where.startsWith('10.9.9.9:'))).toBe(true)
    return cause
  }

  it('nobody listens there', async () => {
    network.byAddress.set('10.9.9.9', refuse('ECONNREFUSED'))
    const cause = await failing(HTTP)
    expect(cause).toMatchObject({ stage: 'tcp', code: 'ECONNREFUSED' })
    expect(cause.message).toContain(
      'cannot connect to wss://venue.example/ws (venue.example:443) through http://proxy.example:3128: ',
    )
  })

  it('a name that is not known', async () => {
    const cause = await failing('http://me:s3cret@nowhere.example')
    expect(cause).toMatchObject({ stage: 'dns', code: 'ERR_DNS_NO_ADDRESS' })
    expect(cause.message).toContain('"nowhere.example"')
  })

  it('a refusal, with status, headers and body', async () => {
    answering('HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\nX: y\r\n\r\nrule')
    const cause = await failing(HTTP)
    expect(cause).toMatchObject({
      stage: 'proxy',
      code: 'ERR_PROXY_REFUSED',
      http: {
        status: 403,
        headers: [
          ['Content-Length', '4'],
          ['X', 'y'],
        ],
        body: 'rule',
        bodyTruncated: false,
      },
    })
  })

  it.each([
    ['http://proxy.example', 'ERR_PROXY_AUTH_REQUIRED'],
    [HTTP, 'ERR_PROXY_AUTH_REFUSED'],
  ])('407 to %s is %s', async (proxy, code) => {
    answering('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n')
    expect(await failing(proxy)).toMatchObject({ stage: 'proxy', code, http: { status: 407 } })
  })

  it('bytes behind the answer, which nobody can have sent', async () => {
    answering(`${CONNECTED}HTTP/1.1 101 Switching Protocols\r\n\r\n`)
    const cause = await failing(HTTP)
    expect(cause).toMatchObject({ stage: 'proxy', code: 'ERR_PROXY_UNEXPECTED_DATA' })
    expect(cause.message).toContain('36 bytes')
    network.setUp = (link) => {
      let writes = 0
      const write = link.write.bind(link)
      link.write = (bytes) => {
        write(bytes)
        link.push(writes++ === 0 ? Uint8Array.of(5, 0) : Uint8Array.of(5, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1))
      }
    }
    expect(await failing(SOCKS)).toMatchObject({ stage: 'proxy', code: 'ERR_PROXY_UNEXPECTED_DATA' })
  })

  it.each([
    ['ERR_SOCKET_ENDED', /the proxy hung up: check its scheme and port/],
    ['ECONNRESET', /the proxy hung up/],
  ])('the proxy ends the connection: %s', async (code, message) => {
    network.setUp = (link) => {
      link.onRequest = () => link.fail(code)
    }
    const cause = await failing(HTTP)
    expect(cause).toMatchObject({ stage: 'proxy', code })
    expect(cause.message).toMatch(message)
  })

  it('a refusal that is cut short', async () => {
    network.setUp = (link) => {
      link.onRequest = () => {
        link.push('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 10\r\n\r\nhalf')
        link.fail('ERR_SOCKET_ENDED')
      }
    }
    expect(await failing(HTTP)).toMatchObject({
      code: 'ERR_PROXY_REFUSED',
      http: { status: 502, body: 'half', bodyTruncated: true },
    })
  })

  it('TLS to the proxy that fails is told as such', async () => {
    network.setUp = (link) => {
      link.tls = () => Promise.reject(new RawLinkError('DEPTH_ZERO_SELF_SIGNED_CERT', 'self-signed certificate'))
    }
    const cause = await failing('https://me:s3cret@proxy.example')
    expect(cause).toMatchObject({ stage: 'proxy', code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
    expect(cause.message).toMatch(/the TLS handshake with the proxy failed: .* to proxy\.tls\.ca/)
  })

  it('a proxy that is no TLS server', async () => {
    network.setUp = (link) => {
      link.tls = () => Promise.reject(new RawLinkError('ERR_SSL_WRONG_VERSION_NUMBER', 'wrong version number'))
    }
    expect((await failing('https://proxy.example')).message).toContain('use an http:// proxy')
  })

  it('what fails behind the proxy is told as without one', async () => {
    network.setUp = (link) => {
      link.onRequest = () => link.push(link.key === '' ? CONNECTED : 'HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n')
    }
    const cause = await failing(HTTP)
    expect(cause).toMatchObject({ stage: 'upgrade', code: 'ERR_UPGRADE_REFUSED', http: { status: 401 } })
    expect(cause.message).toContain('through http://proxy.example:3128')
  })
})

describe('a proxy that is slow', () => {
  type Case = [what: string, proxy: string, set: () => void]
  const silent: Case[] = [
    ['with its answer', HTTP, () => (network.setUp = () => {})],
    ['with SOCKS', SOCKS, () => (network.setUp = () => {})],
    [
      'with TLS',
      'https://proxy.example',
      () => {
        network.setUp = (link) => {
          link.tls = () => new Promise(() => {})
        }
      },
    ],
  ]

  it.each(silent)('%s is given up after proxyMs', async (_, proxy, set) => {
    set()
    let settled = false
    const promise = through(proxy).finally(() => {
      settled = true
    })
    const cause = causeOf(promise)
    await pass(2499)
    expect(settled).toBe(false)
    await pass(1)
    expect(await cause).toMatchObject({ stage: 'proxy', code: 'ERR_PROXY_TIMEOUT' })
    expect((await cause).message).toContain('within 2500 ms (timeouts.proxyMs)')
  })

  it.each(silent)(
    '%s is given up at the deadline over all stages, and when the signal aborts',
    async (_, proxy, set) => {
      set()
      const timeouts = { ...network.request('ws://h').timeouts, totalMs: 300 }
      const late = causeOf(through(proxy, undefined, { timeouts }))
      await pass(300)
      expect(await late).toMatchObject({ stage: 'proxy', code: 'ERR_CONNECT_TIMEOUT' })
      const aborted = causeOf(through(proxy))
      await settle()
      stop.abort(new Error('enough'))
      expect(network.openLinks).toBe(0)
      const cause = await aborted
      expect(cause).toMatchObject({ kind: 'local-stop', code: 'ERR_ABORTED' })
      expect(cause.message).not.toMatch(SECRETS)
    },
  )

  it('with the body of a refusal: what has come is told at the deadline', async () => {
    answering('HTTP/1.1 503 Busy\r\nContent-Length: 10\r\n\r\nhal')
    const cause = causeOf(through(HTTP))
    await pass(2500)
    expect(await cause).toMatchObject({
      stage: 'proxy',
      code: 'ERR_PROXY_REFUSED',
      http: { status: 503, body: 'hal', bodyTruncated: true },
    })
  })
})

it('leaks nothing in whichever microtask the signal aborts', async () => {
  const outcomes = new Set<string>()
  for (let microtasks = 0; microtasks < 90; microtasks++) {
    renew()
    answering(CONNECTED)
    const promise = through('https://proxy.example').then(
      ({ link }) => (link.destroyed ? 'destroyed' : 'connected'),
      ({ code }: { code: string }) => code,
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
