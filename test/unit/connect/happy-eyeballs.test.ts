import { describe, expect, it } from 'vitest'
import { interleaveFamilies } from '../../../src/connect/happy-eyeballs.ts'
import { RawLinkError } from '../../../src/connect/raw-link.ts'
import type { WsLookup } from '../../../src/connect/request.ts'
import { address, causeOf, lookupOf, network, pass, renew, run, stop, withNetwork } from './establish-support.ts'
import { hang, refuse, type ScriptedLink, settle } from './scripted-link.ts'

withNetwork()

const URL = 'ws://example.com/'
const [A, B, C] = ['10.0.0.1', '10.0.0.2', '10.0.0.3']

/** Accepts or refuses when time has passed. */
const slowly =
  (ms: number, error?: string) =>
  (link: ScriptedLink): Promise<ScriptedLink> =>
    new Promise((resolve, reject) => {
      network.clock.setTimer(ms, () => (error === undefined ? resolve(link) : reject(new RawLinkError(error, error))))
    })

/** An opener that never answers and says when it was given up. */
function hanging(ofAddress: string): { readonly given: () => AbortSignal | undefined } {
  let given: AbortSignal | undefined
  network.byAddress.set(ofAddress, (_, signal) => {
    given = signal
    return new Promise(() => {})
  })
  return { given: () => given }
}

const asked = (): string[] => network.asked.map((where) => where.replace(/:80$/, ''))

describe('the order of addresses (RFC 8305 section 4)', () => {
  it.each([
    [[], []],
    [[A], [A]],
    [
      [A, B, C],
      [A, B, C],
    ],
    [
      ['::1', '::2', '::3', A, B],
      ['::1', A, '::2', B, '::3'],
    ],
    [
      [A, B, C, '::1'],
      [A, '::1', B, C],
    ],
    [
      [A, '::1', '::2'],
      [A, '::1', '::2'],
    ],
  ])('%j becomes %j', (from, to) => {
    expect(interleaveFamilies(from.map(address))).toEqual(to.map(address))
  })

  it('is that in which they are tried', async () => {
    const all = ['::1', '::2', A, B]
    for (const one of all) network.byAddress.set(one, refuse('ECONNREFUSED'))
    const cause = await causeOf(run(network.request(URL, { lookup: lookupOf(...all) })))
    expect(asked()).toEqual(['::1', A, '::2', B])
    expect(cause.message).toMatch(/\[::1\]:80: .*; 10\.0\.0\.1:80: .*; \[::2\]:80: .*; 10\.0\.0\.2:80: /)
  })
})

describe('option family', () => {
  const withFamily = (family: 4 | 6, lookup: WsLookup, url = URL) => run(network.request(url, { family, lookup }))

  it('uses addresses of that version only, and tells the lookup', async () => {
    let told: number | undefined
    const lookup: WsLookup = async (_, { family }) => {
      told = family
      return ['::1', A, '::2'].map(address)
    }
    await withFamily(4, lookup)
    expect(asked()).toEqual([A])
    expect(told).toBe(4)
  })

  it('leaves nothing when there is none of it', async () => {
    const cause = await causeOf(withFamily(6, lookupOf(A, B)))
    expect(cause).toMatchObject({ stage: 'dns', code: 'ERR_DNS_NO_ADDRESS' })
    expect(cause.message).toContain('gave no address of IPv6, the only one wanted (option family)')
  })

  it('holds for an address in the URL too', async () => {
    const cause = await causeOf(withFamily(4, lookupOf(), 'ws://[::1]:9/'))
    expect(cause).toMatchObject({ stage: 'dns', code: 'ERR_DNS_NO_ADDRESS' })
    expect(cause.message).toContain('[::1] is no address of IPv4')
    expect(network.asked).toEqual([])
  })
})

describe('the race (RFC 8305 section 5)', () => {
  const begin = (...addresses: string[]) => {
    const promise = run(network.request(URL, { lookup: lookupOf(...addresses) }))
    // A rejection is the business of whoever awaits it later.
    promise.catch(() => {})
    return promise
  }

  it('begins with one address, and ends there when it accepts in time', async () => {
    network.byAddress.set(A, slowly(249))
    const promise = begin(A, B)
    await settle()
    network.clock.advance(249)
    await promise
    expect(asked()).toEqual([A])
    expect(network.clock.pendingTimers).toBe(0)
  })

  it('tries the next one every 250 ms while none answers', async () => {
    for (const one of [A, B, C]) network.byAddress.set(one, hang)
    const promise = begin(A, B, C)
    await settle()
    expect(asked()).toEqual([A])
    network.clock.advance(249)
    expect(asked()).toEqual([A])
    network.clock.advance(1)
    expect(asked()).toEqual([A, B])
    network.clock.advance(249)
    expect(asked()).toEqual([A, B])
    network.clock.advance(1)
    expect(asked()).toEqual([A, B, C])
    await pass(2000)
    await expect(promise).rejects.toMatchObject({ code: 'ERR_TCP_TIMEOUT' })
  })

  it('waits timeouts.attemptDelayMs, where it is given', async () => {
    network.byAddress.set(A, hang)
    const timeouts = { ...network.request(URL).timeouts, attemptDelayMs: 10 }
    const promise = run(network.request(URL, { lookup: lookupOf(A, B), timeouts }))
    await settle()
    network.clock.advance(9)
    expect(asked()).toEqual([A])
    network.clock.advance(1)
    expect(asked()).toEqual([A, B])
    await promise
  })

  it('tries the next one at once when one fails, and the delay counts anew', async () => {
    network.byAddress.set(A, slowly(100, 'ECONNREFUSED'))
    network.byAddress.set(B, hang)
    const promise = begin(A, B, C)
    await settle()
    network.clock.advance(100)
    await settle()
    expect(asked()).toEqual([A, B])
    network.clock.advance(249)
    expect(asked()).toEqual([A, B])
    network.clock.advance(1)
    expect(asked()).toEqual([A, B, C])
    await promise
  })

  it('is won by whichever connects first, and the others are given up at that moment', async () => {
    network.byAddress.set(A, slowly(400))
    network.byAddress.set(B, slowly(100))
    const loser = hanging(C)
    const promise = begin(C, A, B)
    await pass(500)
    // C at 0, A at 250 until 650, B at 500 until 600.
    network.clock.advance(99)
    await settle()
    expect(network.links).toHaveLength(0)
    network.clock.advance(1)
    const { link } = await promise
    expect(asked()).toEqual([C, A, B])
    expect(link).toBe(network.links[0])
    expect(loser.given()?.aborted).toBe(true)
    expect(network.clock.pendingTimers).toBe(1) // the script's own, of A
    // A accepts all the same: too late.
    network.clock.advance(1000)
    await settle()
    expect(network.links).toHaveLength(2)
    expect(network.links[1]?.destroyed).toBe(true)
    expect(link.destroyed).toBe(false)
  })

  it('keeps one of two that connect in the same turn', async () => {
    network.byAddress.set(A, slowly(300))
    network.byAddress.set(B, slowly(50))
    const promise = begin(A, B)
    await settle()
    network.clock.advance(300)
    const { link } = await promise
    await settle()
    expect(network.links).toHaveLength(2)
    expect(network.openLinks).toBe(1)
    expect(link.destroyed).toBe(false)
  })

  it('goes on when some fail while others are still waited for', async () => {
    network.byAddress.set(A, slowly(600))
    network.byAddress.set(B, slowly(10, 'ECONNREFUSED'))
    network.byAddress.set(C, refuse('EHOSTUNREACH'))
    const promise = begin(A, B, C)
    await pass(600)
    expect((await promise).link).toBe(network.links[0])
    expect(asked()).toEqual([A, B, C])
  })

  it('gives each address its own tcpMs', async () => {
    for (const one of [A, B]) network.byAddress.set(one, hang)
    let settled = false
    const cause = causeOf(begin(A, B).finally(() => (settled = true)))
    await pass(2249)
    expect(settled).toBe(false)
    await pass(1)
    expect(settled).toBe(true)
    const { message } = await cause
    expect(message).toContain('10.0.0.1:80: no answer within 2000 ms (timeouts.tcpMs)')
    expect(message).toContain('10.0.0.2:80: no answer within 2000 ms (timeouts.tcpMs)')
  })

  it('is ended by the deadline over all stages', async () => {
    const first = hanging(A)
    const second = hanging(B)
    const timeouts = { ...network.request(URL).timeouts, totalMs: 300 }
    const cause = causeOf(run(network.request(URL, { lookup: lookupOf(A, B, C), timeouts })))
    await pass(300)
    expect(await cause).toMatchObject({ stage: 'tcp', code: 'ERR_CONNECT_TIMEOUT' })
    expect([first.given()?.aborted, second.given()?.aborted]).toEqual([true, true])
    expect(network.clock.pendingTimers).toBe(0)
    await pass(1000)
    expect(asked()).toEqual([A, B])
  })

  it('gives everything up at once when the signal aborts', async () => {
    const first = hanging(A)
    const second = hanging(B)
    const cause = causeOf(begin(A, B, C))
    await pass(250)
    stop.abort()
    expect([first.given()?.aborted, second.given()?.aborted]).toEqual([true, true])
    expect(network.clock.pendingTimers).toBe(0)
    expect(await cause).toMatchObject({ kind: 'local-stop', code: 'ERR_ABORTED' })
    await pass(1000)
    expect(asked()).toEqual([A, B])
  })

  it('of many addresses warns about no listener and leaves none', async () => {
    const warnings: Error[] = []
    const onWarning = (warning: Error): void => void warnings.push(warning)
    process.on('warning', onWarning)
    const many = Array.from({ length: 40 }, (_, i) => `10.0.1.${i}`)
    for (const one of many) network.byAddress.set(one, hang)
    const timeouts = { ...network.request(URL).timeouts, attemptDelayMs: 10 }
    const promise = causeOf(run(network.request(URL, { lookup: lookupOf(...many), timeouts })))
    await settle()
    network.clock.advance(500)
    await settle()
    expect(network.asked).toHaveLength(40)
    stop.abort()
    await promise
    await settle()
    process.off('warning', onWarning)
    expect(warnings).toEqual([])
  })

  it('leaks nothing in whichever microtask the signal aborts', async () => {
    const outcomes = new Set<string>()
    for (let microtasks = 0; microtasks < 60; microtasks++) {
      renew()
      network.byAddress.set(A, refuse('ECONNREFUSED'))
      const promise = begin(A, '::1', B).then(
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
})

describe('an attempt that is given up', () => {
  it('opens nothing afterwards, in whichever microtask the signal aborts', async () => {
    let begun = 0
    for (let microtasks = 0; microtasks < 60; microtasks++) {
      renew()
      const all = [hanging(A), hanging(B)]
      const cause = causeOf(run(network.request(URL, { lookup: lookupOf(A, B) })))
      for (let i = 0; i < microtasks; i++) await undefined
      stop.abort()
      expect((await cause).code).toBe('ERR_ABORTED')
      await settle()
      expect(network.clock.pendingTimers, `after ${microtasks} microtasks`).toBe(0)
      for (const one of all) expect(one.given()?.aborted ?? true, `after ${microtasks} microtasks`).toBe(true)
      begun += network.asked.length
    }
    expect(begun).toBeGreaterThan(0)
  })
})

describe('the code, when every address failed', () => {
  it.each([
    ['the last one of all', ['ECONNRESET', 'ECONNREFUSED'], 'ECONNREFUSED'],
    ['the last that is not about our own network', ['ECONNREFUSED', 'ENETUNREACH'], 'ECONNREFUSED'],
    ['no way there, if that is all there is', ['EHOSTUNREACH', 'ENETUNREACH'], 'ENETUNREACH'],
  ])('is that of %s', async (_, codes, expected) => {
    for (const [i, code] of codes.entries()) network.byAddress.set([A, '::1'][i] as string, refuse(code))
    const cause = await causeOf(run(network.request(URL, { lookup: lookupOf(A, '::1') })))
    expect(cause.code).toBe(expected)
    for (const code of codes) expect(cause.message).toContain(`connect ${code}`)
  })

  it('is told in the order of the addresses, not of the failures', async () => {
    network.byAddress.set(A, slowly(900, 'ECONNRESET'))
    network.byAddress.set(B, refuse('ECONNREFUSED'))
    const cause = causeOf(run(network.request(URL, { lookup: lookupOf(A, B) })))
    await pass(1000)
    expect((await cause).message).toMatch(/10\.0\.0\.1:80: ECONNRESET; 10\.0\.0\.2:80: connect ECONNREFUSED/)
    expect((await cause).code).toBe('ECONNREFUSED')
  })
})
