import { describe, expect, it, onTestFinished } from 'vitest'
import {
  ConnectBudget,
  type ConnectOptions,
  connect,
  type WsConnection,
  type WsStatusEvent,
  type WsSubscriptionManager,
} from '../../src/index.ts'
import { MockServer } from '../../src/testing/index.ts'
import { nativeInfo } from '../../src/transport/native.ts'

const TRANSPORTS = nativeInfo().loaded ? (['native', 'ws'] as const) : (['ws'] as const)

/** `{ sub }` and `{ unsub }`, one message per item, answered with `{ ack }`. */
const dialect: WsSubscriptionManager = {
  initial: (desired, nextId) => dialect.update({ add: desired, remove: [] }, nextId),
  update: ({ add, remove }, nextId) => [
    ...remove.map((item) => message('unsub', item, nextId())),
    ...add.map((item) => message('sub', item, nextId())),
  ],
  maybeSubscriptionResponse: (frame) => frame.text().startsWith('{"ack"'),
  response: (frame) => {
    const { ack, item } = frame.json() as { ack: string; item: string }
    return { requestId: ack, accepted: [item] }
  },
}

function message(kind: 'sub' | 'unsub', item: string, requestId: string) {
  const [subscribe, unsubscribe] = kind === 'sub' ? [[item], []] : [[], [item]]
  return { requestId, payload: JSON.stringify({ [kind]: item, req: requestId }), subscribe, unsubscribe }
}

interface Said {
  readonly sub?: string
  readonly unsub?: string
  readonly req?: string
  readonly id?: string
}

const handler = {
  parse: () => undefined,
  handleMessage() {},
  matchReply: (frame: { json(): unknown }) => {
    const { id } = frame.json() as Said
    return id === undefined ? undefined : ({ requestId: id, verdict: 'confirmed' } as const)
  },
}

async function scene(transport: 'native' | 'ws', options: Partial<ConnectOptions>) {
  const server = await MockServer.listen()
  onTestFinished(() => server.stop())
  const connection = connect(server.url, {
    transport,
    handler,
    subscriptionManager: dialect,
    onMessage() {},
    ...options,
  } as ConnectOptions)
  onTestFinished(async () => void (await connection.close()))
  return { connection, status: record(connection), peer: await server.connection() }
}

function record(connection: WsConnection): WsStatusEvent[] {
  const events: WsStatusEvent[] = []
  void (async () => {
    for await (const event of connection.status()) events.push(event)
  })()
  return events
}

describe.each(TRANSPORTS)('a connection over %s', (transport) => {
  it.each<[by: string, options: Partial<ConnectOptions>]>([
    ['topicOf', { topics: { topicOf: (frame) => (frame.json() as { topic?: string }).topic, silentAfterMs: 200 } }],
    ['plan', { topics: { silentAfterMs: 200 }, plan: { topic: '{topic}' } }],
  ])(
    'finds the topic that falls silent while another flows, by %s, and heals it by asking anew',
    async (_by, options) => {
      const { peer, connection, status } = await scene(transport, { subscriptions: ['a', 'b'], ...options })
      const subscribed = new Set<string>()
      const flow = setInterval(() => {
        // The venue's fault: it forgets `b` once.
        for (const topic of subscribed) peer.sendJson({ topic })
      }, 20)
      onTestFinished(() => clearInterval(flow))
      const changes: string[] = []
      while (changes.length < 4) {
        const { sub, unsub, req } = (await peer.receive()).json() as Said
        changes.push(sub === undefined ? `-${unsub}` : `+${sub}`)
        if (sub !== undefined && (sub !== 'b' || changes.length > 2)) subscribed.add(sub)
        peer.sendJson({ ack: req, item: sub ?? unsub })
      }
      for await (const event of connection.status()) if (event.kind === 'resumed' && event.key === 'b') break
      expect(changes).toEqual(['+a', '+b', '-b', '+b'])
      const told = status.filter(({ kind }) => ['topic-silent', 'gap', 'resumed', 'disconnected'].includes(kind))
      expect(told).toMatchObject([
        { kind: 'topic-silent', topic: 'b' },
        { kind: 'gap', scope: 'topic', key: 'b' },
        { kind: 'resumed', key: 'b', connection: 1 },
      ])
    },
  )

  it('spreads the replay of thirty subscriptions, and lets asks through meanwhile', async () => {
    const items = Array.from({ length: 30 }, (_, i) => `t${i}`)
    const { peer, connection } = await scene(transport, {
      subscriptions: items,
      // Ten now, ten after each 1.5 s: the asks have three seconds.
      pacing: { frames: 20, perMs: 1500, ownFrames: 10 },
      subscriptionTimeoutMs: 60_000,
    })
    const order: string[] = []
    const serve = async (): Promise<void> => {
      for (let subs = 0; subs < 30; ) {
        const { sub, req, id } = (await peer.receive()).json() as Said
        order.push(sub ?? `ask ${id}`)
        if (sub !== undefined) subs++
        peer.sendJson(sub === undefined ? { id } : { ack: req, item: sub })
      }
    }
    const served = serve()
    await connection.ready()
    for (const id of ['1', '2', '3']) {
      const outcome = await connection.ask({
        requestId: id,
        frame: JSON.stringify({ id }),
        confirmMode: 'confirmed',
        timeoutMs: 5000,
      })
      expect(outcome.kind).toBe('confirmed')
    }
    expect(connection.subscriptions().filter(({ stage }) => stage !== 'requested').length).toBeLessThan(30)
    await served
    expect(order.indexOf('ask 3')).toBeLessThan(20 + 3)
    expect(order.filter((what) => !what.startsWith('ask'))).toEqual(items)
  })

  it('is one of ten that share the connects of a host, all of which get their turn', async () => {
    const server = await MockServer.listen()
    onTestFinished(() => server.stop())
    const connectBudget = new ConnectBudget({ limits: [{ connects: 4, perMs: 500 }] })
    let resolved = 0
    const connections = Array.from({ length: 10 }, () =>
      connect(`ws://venue.example:${server.port}/`, {
        transport,
        connectBudget,
        lookup: async () => {
          resolved++
          return [{ address: '127.0.0.1', family: 4 }]
        },
        onMessage() {},
      }),
    )
    const events = connections.map(record)
    onTestFinished(async () => void (await Promise.all(connections.map((connection) => connection.close()))))
    await Promise.all(connections.map((connection) => connection.ready()))
    const held = events.flat().filter(({ kind }) => kind === 'held')
    expect(held.length).toBeGreaterThan(0)
    expect(held).toMatchObject(held.map(() => ({ why: 'connect-budget', host: 'venue.example' })))
    expect(resolved).toBe(10)
  })
})
