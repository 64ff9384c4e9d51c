import { describe, expect, it } from 'vitest'
import { cannotBeTold, checkTimestampSource, checkTimestampSupport } from '../../../src/connect/timestamp-source.ts'
import { connect, WsConfigError } from '../../../src/index.ts'
import { Checker } from '../../../src/support/check.ts'
import { MockTransport } from '../../../src/testing/index.ts'

function problemsOf(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    if (error instanceof WsConfigError) return error.problems
    throw error
  }
  return []
}

describe('timestampSource', () => {
  it('is read by default, and one of three', () => {
    const check = new Checker()
    expect(checkTimestampSource(check, undefined)).toBe('read')
    for (const source of ['read', 'callback', 'kernel']) expect(checkTimestampSource(check, source)).toBe(source)
    expect(check.problems).toEqual([])
    checkTimestampSource(check, 'hardware')
    expect(check.problems).toMatchObject([{ field: 'timestampSource' }])
    expect(check.problems[0]?.message).toBe(`must be 'callback' or 'read' or 'kernel', is "hardware"`)
  })

  it('that a transport cannot tell is a mistake that says what to do', () => {
    const message = "'kernel' cannot be told by transport ws: use 'read' or 'callback', or the native transport"
    expect(problemsOf(() => connect('ws://127.0.0.1:9/', { transport: 'ws', timestampSource: 'kernel' }))).toEqual([
      { field: 'timestampSource', message },
    ])
    // All mistakes at once.
    const check = new Checker()
    check.add('url', 'is missing')
    checkTimestampSupport(check, { timestampSource: 'callback', transport: 'mine' }, [])
    expect(check.problems).toEqual([
      { field: 'url', message: 'is missing' },
      {
        field: 'timestampSource',
        message: "'callback' cannot be told by transport mine: use 'read', or the native transport",
      },
    ])
  })

  it('of a transport that says nothing of it can only be read', () => {
    const transport = { name: 'mine', connect: () => ({}) as never }
    expect(cannotBeTold('read', 'mine', [])).toBeUndefined()
    const options = { transport, timestampSource: 'kernel' } as const
    expect(problemsOf(() => connect('ws://127.0.0.1:9/', options))).toMatchObject([{ field: 'timestampSource' }])
  })

  it('can be any over the mock', async () => {
    for (const timestampSource of ['read', 'callback', 'kernel'] as const) {
      const transport = new MockTransport()
      const connection = connect('ws://127.0.0.1:9/', { transport, timestampSource, reconnect: false })
      const server = await transport.nextServer()
      expect(server.request.timestampSource).toBe(timestampSource)
      await connection.close()
    }
  })
})
