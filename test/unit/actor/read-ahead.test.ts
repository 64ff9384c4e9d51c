import { describe, expect, it } from 'vitest'
import { ReadAhead } from '../../../src/actor/read-ahead.ts'
import type { WsLink } from '../../../src/transport/transport.ts'

const KIB = 1024

/** A link that reads when asked, or one that only the event loop reads. */
const link = (drains: boolean) => ({ drain: () => drains, bytesReceived: 0 }) satisfies Partial<WsLink>
const asLink = (part: Partial<WsLink>): WsLink => part as WsLink

describe('reading before a verdict', () => {
  it('is done at once where the link can, or where there is none', () => {
    const ahead = new ReadAhead()
    expect([ahead.read(asLink(link(true)), 5), ahead.read(undefined, 6), ahead.isUnderWay]).toEqual([5, 6, false])
  })

  it('takes a turn of the loop where it cannot, and counts from before it', () => {
    const ahead = new ReadAhead()
    const slow = link(false)
    expect([ahead.read(asLink(slow), 5), ahead.isUnderWay]).toEqual([undefined, true])
    slow.bytesReceived += 10 * KIB
    expect([ahead.read(asLink(slow), 8), ahead.isUnderWay]).toEqual([5, false])
  })

  it('goes on while turns bring much, for behind that there may be more', () => {
    const ahead = new ReadAhead()
    const slow = link(false)
    ahead.read(asLink(slow), 5)
    for (let turn = 0; turn < 10; turn++) {
      slow.bytesReceived += 64 * KIB
      expect(ahead.read(asLink(slow), 6 + turn)).toBeUndefined()
    }
    expect(ahead.read(asLink(slow), 20)).toBe(5)
  })

  it('has an end, however fast the peer sends, and when the link has gone', () => {
    const ahead = new ReadAhead()
    const slow = link(false)
    let turns = 0
    while (ahead.read(asLink(slow), 5) === undefined) {
      slow.bytesReceived += 1024 * KIB
      turns++
    }
    expect(turns).toBe(64)
    ahead.read(asLink(slow), 7)
    slow.bytesReceived += 1024 * KIB
    expect([ahead.read(undefined, 9), ahead.isUnderWay]).toEqual([7, false])
  })
})
