import { describe, expect, it } from 'vitest'
import { knownEndpoint } from '../../../src/connect/endpoint.ts'
import { WsConfigError } from '../../../src/errors/errors.ts'
import { resolveOptions } from '../../../src/front/resolve.ts'
import { ExponentialBackoff } from '../../../src/reconnect/exponential-backoff.ts'
import { systemClock } from '../../../src/support/clock.ts'

const URL_OK = 'ws://127.0.0.1:1/'

function problemsOf(url: unknown, options: unknown = {}): Record<string, string> {
  try {
    resolveOptions(url, options)
  } catch (error) {
    if (!(error instanceof WsConfigError)) throw error
    return Object.fromEntries(error.problems.map(({ field, message }) => [field, message]))
  }
  return {}
}

describe('resolveOptions', () => {
  it('fills in the documented defaults', () => {
    const { checked, ...own } = resolveOptions(URL_OK, {})
    expect(own).toMatchObject({
      transport: 'native',
      native: 'prefer',
      queue: { maxMessages: 10_000, maxBytes: 67_108_864, whenFull: 'pause' },
      whenCallbackThrows: 'continue',
    })
    expect(checked).toMatchObject({
      tls: {},
      limits: { maxFrameBytes: 16_777_216, maxMessageBytes: 16_777_216, maxLinkBytes: 65_536 },
      timeouts: {
        dnsMs: 5000,
        tcpMs: 5000,
        proxyMs: 5000,
        tlsMs: 5000,
        upgradeMs: 5000,
        totalMs: 15_000,
        attemptDelayMs: 250,
      },
      family: 0,
      socket: { noDelay: true },
      lanes: { normalBytes: 1_048_576, urgentBytes: 262_144 },
      closeTimeoutMs: 2000,
      rules: { authTimeoutMs: 10_000, onReadyTimeoutMs: 30_000, disconnectDrainMs: 1000, stableMs: 10_000 },
      subscriptionTimeoutMs: 10_000,
      requests: { maxPending: 1024, maxSettledIds: 4096, settledIdsMs: 300_000, maxUnresolved: 4096 },
      admission: { budget: undefined, breaker: undefined },
      pacing: undefined,
      whenHookThrows: 'continue',
      perMessageDeflate: undefined,
      inflateBinary: undefined,
      signal: undefined,
      liveness: { staleAfterMs: undefined, silentAfterMs: undefined },
    })
    expect(checked.clock).toBe(systemClock)
    expect(checked.reconnect).toBeInstanceOf(ExponentialBackoff)
  })

  it('takes undefined for "not given", everywhere', () => {
    const options = { transport: undefined, tls: undefined, limits: { maxFrameBytes: undefined }, queue: undefined }
    expect(resolveOptions(URL_OK, options).checked.limits.maxFrameBytes).toBe(16_777_216)
    expect(resolveOptions(URL_OK, undefined).checked.socket).toEqual({ noDelay: true })
  })

  it('names what handler, ingress, manager and strategy may have and must not have in another form', () => {
    const noop = (): void => {}
    const handler = { parse: noop, handleMessage: noop, matchReply: 'id', onReady: true, requestIdPath: '' }
    const ingress = { onFrame: noop, onGap: 1 }
    const subscriptionManager = { initial: noop, update: noop, requiresAuth: false }
    const pingPong = { opened: noop, nextDueUs: noop, tick: noop, restart: noop, onPong: null }
    expect(problemsOf(URL_OK, { handler, ingress, subscriptionManager, pingPong })).toEqual({
      'handler.matchReply': 'must be a function, is a string',
      'handler.onReady': 'must be a function, is true',
      'handler.requestIdPath': "must be a path such as 'id' or 'params.reqId', is an empty string",
      'ingress.onGap': 'must be a function, is 1',
      'subscriptionManager.requiresAuth': 'must be a function, is false',
      'pingPong.onPong': 'must be a function, is null',
    })
  })

  it('keeps partial groups and fills in the rest', () => {
    const { checked, queue } = resolveOptions(URL_OK, {
      timeouts: { tlsMs: 1 },
      limits: { maxMessageBytes: 5 },
      queue: { whenFull: 'close' },
    })
    expect(checked.timeouts).toMatchObject({ dnsMs: 5000, tlsMs: 1, totalMs: 15_000, attemptDelayMs: 250 })
    expect(checked.limits.maxMessageBytes).toBe(5)
    expect(queue).toEqual({ maxMessages: 10_000, maxBytes: 67_108_864, whenFull: 'close' })
  })

  it('reports every mistake at once, each with its field', () => {
    const problems = problemsOf('https://example.com/ws?key=topsecret', {
      transport: 'websocket',
      native: true,
      headers: { Authorization: 'Bearer s3cret\r\nX: y', 'Sec-WebSocket-Key': 'x' },
      subprotocols: ['a b', 'c', 'c'],
      tls: { validateCerts: 'no', rejectUnauthorized: false },
      lookup: {},
      family: '4',
      limits: { maxFrameBytes: 0, maxMesageBytes: 1 },
      timeouts: { totalMs: Number.POSITIVE_INFINITY, dnsMs: 2 ** 31, attemptDelayMs: 9 },
      noDelay: false,
      socket: { noDelay: 1, busyPollUs: -1 },
      lanes: { normalBytes: -1 },
      reconnect: true,
      subscriptions: { items: [''], encode: 'x' },
      perMessageDeflate: { serverMaxWindowBits: 7, compress: { level: 12 } },
      inflateBinary: 'zip',
      closeTimeoutMs: '2s',
      signal: new AbortController(),
      queue: { maxMessages: 1.5, maxBytes: 0, whenFull: 'block' },
      onMessage: 'print',
      whenCallbackThrows: 'ignore',
      clock: { now: () => 0 },
      onMesage: () => {},
    })
    expect(Object.keys(problems).sort()).toEqual(
      [
        'url',
        'transport',
        'native',
        'headers.Authorization',
        'headers.Sec-WebSocket-Key',
        'subprotocols[0]',
        'subprotocols[2]',
        'tls.validateCerts',
        'tls.rejectUnauthorized',
        'lookup',
        'family',
        'limits.maxFrameBytes',
        'limits.maxMesageBytes',
        'timeouts.totalMs',
        'timeouts.dnsMs',
        'timeouts.attemptDelayMs',
        'noDelay',
        'socket.noDelay',
        'socket.busyPollUs',
        'lanes.normalBytes',
        'reconnect',
        'subscriptions.items',
        'subscriptions.encode',
        'perMessageDeflate.serverMaxWindowBits',
        'perMessageDeflate.compress.level',
        'inflateBinary',
        'closeTimeoutMs',
        'signal',
        'queue.maxMessages',
        'queue.maxBytes',
        'queue.whenFull',
        'onMessage',
        'whenCallbackThrows',
        'clock',
        'onMesage',
      ].sort(),
    )
    expect(problems).toMatchObject({
      url: expect.stringContaining('wss://example.com/ws'),
      transport: `must be 'native', 'ws' or an object with name and connect, such as MockTransport of shared-ws/testing, is "websocket"`,
      native: "must be 'prefer' or 'require', is true",
      'limits.maxFrameBytes': 'must be an integer from 1 to 2147483647, is 0',
      'limits.maxMesageBytes': 'unknown option; did you mean maxMessageBytes?',
      'timeouts.totalMs': 'must be an integer from 1 to 2147483647, is Infinity',
      'timeouts.dnsMs': 'must be an integer from 1 to 2147483647, is 2147483648',
      noDelay: 'unknown option; did you mean socket.noDelay?',
      'socket.noDelay': 'must be true or false, is 1',
      inflateBinary: `must be 'gzip' or 'deflate' or 'deflate-raw', is "zip"`,
      closeTimeoutMs: 'must be an integer from 0 to 2147483647, is a string',
      signal: 'must be an AbortSignal, is an object (AbortController); give its .signal',
      'queue.whenFull': `must be 'pause' or 'drop-oldest' or 'close', is "block"`,
      onMessage: 'must be a function, is a string',
      clock: 'must be an object with the methods monoUs, epochUs and setTimer, is an object (Object)',
      onMesage: 'unknown option; did you mean onMessage?',
    })
    const everything = JSON.stringify(problems)
    expect(everything).not.toContain('s3cret')
    expect(everything).not.toContain('topsecret')
  })

  it('puts every mistake into one message', () => {
    expect(() => resolveOptions('', { socket: 1 })).toThrow(/^invalid configuration \(2\):\n {2}url: .+\n {2}socket: /)
  })

  it('knows what other clients call things, and lists the names it knows when nothing is near', () => {
    expect(problemsOf(URL_OK, { handshakeTimeout: 1 })).toEqual({
      handshakeTimeout: 'unknown option; did you mean timeouts.totalMs?',
    })
    expect(problemsOf(URL_OK, { maxPayload: 1, protocols: [] })).toMatchObject({
      maxPayload: expect.stringContaining('limits.maxMessageBytes'),
      protocols: expect.stringContaining('subprotocols'),
    })
    expect(problemsOf(URL_OK, { somethingElse: 1 })['somethingElse']).toMatch(/known are transport, native, headers/)
    expect(problemsOf(URL_OK, { Headers: {} })['Headers']).toBe('unknown option; did you mean headers?')
    expect(problemsOf(URL_OK, { [`x${'y'.repeat(100_000)}`]: 1 })).not.toEqual({})
  })

  it.each([[null], [5], ['x'], [[]], [() => {}]])('refuses %s for the options', (options) => {
    expect(problemsOf(URL_OK, options)).toMatchObject({ options: expect.stringContaining('must be an object') })
  })

  it.each([[null], [5], ['x'], [[]], [() => {}]])('refuses %s for a group of options', (group) => {
    const problems = problemsOf(URL_OK, { limits: group, timeouts: group, queue: group, tls: group })
    expect(Object.keys(problems).sort()).toEqual(['limits', 'queue', 'timeouts', 'tls'])
  })

  it('calls nothing of the user', () => {
    const never = () => expect.unreachable()
    const resolved = resolveOptions(never, { headers: never, subprotocols: never, lookup: never, onMessage: never })
    expect(knownEndpoint(resolved.checked.endpoint)).toBeUndefined()
  })

  it('makes a copy: later changes of the user have no effect', () => {
    const headers = { 'X-A': '1' }
    const subprotocols = ['a']
    const url = new URL(URL_OK)
    const resolved = resolveOptions(url, { headers, subprotocols })
    headers['X-A'] = '2'
    subprotocols.push('b')
    url.port = '2'
    expect(knownEndpoint(resolved.checked.endpoint)).toMatchObject({
      url: { port: '1' },
      headers: [['X-A', '1']],
      subprotocols: ['a'],
    })
  })

  it("turns the URL's credentials into one Authorization line, and refuses a second", () => {
    const url = 'ws://user:pass@127.0.0.1:1/'
    const authorization = ['Authorization', 'Basic dXNlcjpwYXNz']
    expect(knownEndpoint(resolveOptions(url, { headers: { 'X-A': '1' } }).checked.endpoint)?.headers).toEqual([
      authorization,
      ['X-A', '1'],
    ])
    expect(problemsOf(url, { headers: { authorization: 'x' } })).toHaveProperty('headers.authorization')
  })
})
