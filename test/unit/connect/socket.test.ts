import { describe, expect, it } from 'vitest'
import type { WsSocketOptions } from '../../../src/connect/request.ts'
import { checkSocket, checkSocketSupport, refuseOtherFamily, refuseUnsupported } from '../../../src/connect/socket.ts'
import { Checker } from '../../../src/support/check.ts'

const FULL: Required<WsSocketOptions> = {
  noDelay: false,
  keepAliveIdleMs: 30_000,
  keepAliveIntervalMs: 5000,
  keepAliveProbes: 3,
  receiveBufferBytes: 4_194_304,
  sendBufferBytes: 65_536,
  busyPollUs: 50,
  userTimeoutMs: 20_000,
  localAddress: '10.0.0.7',
}

function check(value: unknown): { options: WsSocketOptions; problems: Record<string, string> } {
  const checker = new Checker()
  const options = checkSocket(checker, value)
  return { options, problems: Object.fromEntries(checker.problems.map(({ field, message }) => [field, message])) }
}

describe('socket options', () => {
  it('are TCP_NODELAY alone by default', () => {
    expect(check(undefined)).toEqual({ options: { noDelay: true }, problems: {} })
    expect(check({})).toEqual({ options: { noDelay: true }, problems: {} })
    expect(check({ busyPollUs: undefined })).toEqual({ options: { noDelay: true }, problems: {} })
  })

  it('are taken as they are, in a copy', () => {
    const { options, problems } = check(FULL)
    expect(problems).toEqual({})
    expect(options).toEqual(FULL)
    expect(options).not.toBe(FULL)
    for (const localAddress of ['::1', 'fe80::1%eth0', '127.0.0.1']) {
      expect(check({ localAddress }).options.localAddress).toBe(localAddress)
    }
  })

  it('are reported all at once when they are wrong', () => {
    const { problems } = check({
      noDelay: 'yes',
      keepAliveIdleMs: 999,
      keepAliveIntervalMs: 32_768_000,
      keepAliveProbes: 128,
      receiveBufferBytes: 4095,
      sendBufferBytes: 2 ** 30,
      busyPollUs: 0,
      userTimeoutMs: 1.5,
      localAddress: 'eth0',
      keepAlive: true,
    })
    expect(problems).toEqual({
      'socket.noDelay': 'must be true or false, is a string',
      'socket.keepAliveIdleMs': 'must be an integer from 1000 to 32767000, is 999',
      'socket.keepAliveIntervalMs': 'must be an integer from 1000 to 32767000, is 32768000',
      'socket.keepAliveProbes': 'must be an integer from 1 to 127, is 128',
      'socket.receiveBufferBytes': 'must be an integer from 4096 to 1073741823, is 4095',
      'socket.sendBufferBytes': 'must be an integer from 4096 to 1073741823, is 1073741824',
      'socket.busyPollUs': 'must be an integer from 1 to 1000000, is 0',
      'socket.userTimeoutMs': 'must be an integer from 1 to 2147483647, is 1.5',
      'socket.localAddress': 'must be a literal IPv4 or IPv6 address, is a string',
      'socket.keepAlive': expect.stringContaining('unknown option'),
    })
    expect(check(true).problems).toEqual({ socket: 'must be an object, is true' })
  })

  it('of keepalive need it to be on', () => {
    const message = 'does nothing without socket.keepAliveIdleMs, which turns keepalive on'
    expect(check({ keepAliveIntervalMs: 1000, keepAliveProbes: 2 }).problems).toEqual({
      'socket.keepAliveIntervalMs': message,
      'socket.keepAliveProbes': message,
    })
  })

  it('that a transport cannot set are mistakes', () => {
    const checker = new Checker()
    checkSocketSupport(checker, { socket: FULL, transport: 'ws' }, ['busyPollUs', 'sendBufferBytes'])
    checkSocketSupport(checker, { socket: { noDelay: true }, transport: 'ws' }, ['busyPollUs', 'sendBufferBytes'])
    const message = 'cannot be set by transport ws: leave it out, or use the native transport'
    expect(checker.problems).toEqual([
      { field: 'socket.busyPollUs', message },
      { field: 'socket.sendBufferBytes', message },
    ])
    expect(() => refuseUnsupported({ busyPollUs: 1 }, 'ws', ['busyPollUs'])).toThrow(`socket.busyPollUs ${message}`)
    expect(() => refuseUnsupported({}, 'ws', ['busyPollUs'])).not.toThrow()
  })

  it('fail for an address of the other family', () => {
    const v4 = { address: '192.0.2.1', family: 4 } as const
    const v6 = { address: '2001:db8::1', family: 6 } as const
    expect(() => refuseOtherFamily({ localAddress: '127.0.0.1' }, v6)).toThrow(
      expect.objectContaining({
        code: 'ERR_SOCKET_OPTION',
        message: 'socket.localAddress 127.0.0.1 is IPv4, this address is IPv6',
      }),
    )
    expect(() => refuseOtherFamily({ localAddress: '::1' }, v4)).toThrow('socket.localAddress ::1 is IPv6')
    for (const [localAddress, remote] of [['127.0.0.1', v4] as const, ['::1', v6] as const]) {
      expect(() => refuseOtherFamily({ localAddress }, remote)).not.toThrow()
    }
    expect(() => refuseOtherFamily({}, v4)).not.toThrow()
  })
})
