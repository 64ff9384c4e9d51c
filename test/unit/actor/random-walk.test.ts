import { describe, it } from 'vitest'
import type { WsStatusEvent } from '../../../src/actor/status.ts'
import { ProtocolPingPong } from '../../../src/health/protocol-ping-pong.ts'
import { ExponentialBackoff } from '../../../src/reconnect/exponential-backoff.ts'
import type { WsOutcome } from '../../../src/requests/outcome.ts'
import type { MockServerLink } from '../../../src/transport/mock.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { type Json, jsonHandler, jsonSubscriptions, mockActor, sentTo } from './support.ts'

const STEPS = 250

/**
 * One life of an actor, by the seed: users call, the server acts, time passes, in any order. What must hold whatever
 * happens is checked on the way and at the end.
 */
async function walk(seed: number): Promise<void> {
  const random = seededRandom(seed)
  const upTo = (n: number): number => Math.floor(random() * n)
  const oneOf = <T>(list: readonly T[]): T => list[upTo(list.length)] as T
  const outcomes = new Map<number, WsOutcome[]>()
  const delivered: { connection: number; n: number }[] = []
  const failed = (what: string): never => {
    throw new Error(`seed ${seed}: ${what}`)
  }
  const gapOf = new Set<number>()
  const { handler } = jsonHandler({
    authenticate: async (session) => {
      if (random() < 0.2) throw new Error('no')
      if (random() < 0.3) session.send('{"hello":1}')
    },
    handleMessage: (message, session) => {
      if (gapOf.has(session.connection)) failed(`a message of connection ${session.connection} after its gap`)
      delivered.push({ connection: session.connection, n: Number(message['n'] ?? 0) })
      if (random() < 0.05) ask()
      if (random() < 0.02) throw new Error('clumsy')
    },
    handleServerError: () => oneOf(['continue', 'reconnect'] as const),
  })
  const onStatus = (event: WsStatusEvent): void => {
    if (event.kind === 'gap') gapOf.add(event.connection)
    else if (event.kind !== 'stopped' && event.kind !== 'backoff' && gapOf.has(event.connection)) {
      failed(`${event.kind} of connection ${event.connection} after its gap`)
    }
  }
  const behave = (server: MockServerLink): void => {
    const chance = random()
    if (chance < 0.15) server.refuse({ status: oneOf([500, 503, 404]) })
    else if (chance < 0.9) server.accept()
  }
  const setup = mockActor(
    {
      handler,
      onStatus,
      onHookError: () => {},
      subscriptionManager: jsonSubscriptions(),
      subscriptions: ['a', 'b'],
      reconnect: new ExponentialBackoff({ baseMs: 50, maxMs: 500 }),
      pingPong: new ProtocolPingPong({ intervalMs: 300, timeoutMs: 200 }),
      staleAfterMs: 2000,
      silentAfterMs: 3000,
      subscriptionTimeoutMs: 400,
      authTimeoutMs: 200,
      disconnectDrainMs: 100,
      closeTimeoutMs: 100,
      lanes: { normalBytes: 2000, urgentBytes: 1000 },
    },
    behave,
  )
  const { actor, clock, transport } = setup
  let asked = 0
  const aborts: AbortController[] = []

  function ask(): void {
    const n = asked++
    const abort = new AbortController()
    if (random() < 0.2) aborts.push(abort)
    outcomes.set(n, [])
    const promise = actor.ask({
      frame: (id: string) => JSON.stringify({ ask: n, id, pad: 'x'.repeat(upTo(300)) }),
      requestId: random() < 0.1 ? 'same' : `r${n}`,
      confirmMode: oneOf(['sent', 'confirmed', 'confirmed']),
      timeoutMs: 1 + upTo(400),
      ...(random() < 0.3 ? { sendWithinMs: upTo(50) } : {}),
      urgent: random() < 0.2,
      signal: abort.signal,
    })
    promise.then(
      (outcome) => outcomes.get(n)?.push(outcome),
      (error) => failed(`ask ${n} threw ${error}`),
    )
  }

  const answer = (server: MockServerLink): void => {
    for (const json of sentTo(server)) {
      if (typeof json['req'] === 'string') {
        server.sendText(
          JSON.stringify({
            ack: json['req'],
            accepted: [...(json['sub'] as string[]), ...(json['unsub'] as string[])],
          }),
        )
      } else if (json['id'] !== undefined && random() < 0.5) {
        server.sendText(JSON.stringify({ id: json['id'], [oneOf(['result', 'error'])]: 1 }))
      }
    }
  }
  const actions: readonly ((server: MockServerLink) => void)[] = [
    () => ask(),
    () => ask(),
    () => void actor.send('{"plain":1}'),
    () => actor.subscribe([oneOf(['a', 'b', 'c', 'd'])]),
    () => actor.unsubscribe([oneOf(['c', 'd'])]),
    () => actor.reconnect(),
    () => aborts.pop()?.abort(),
    () => void actor.replay(),
    () => actor.pauseReading(),
    () => actor.resumeReading(),
    (server) => server.sendText('{"n":1}'),
    (server) => server.sendText('{"n":2}'),
    (server) => server.sendText('not json'),
    (server) => server.sendText('{"fault":"x"}'),
    (server) => server.sendText('{"id":"nobody","result":1}'),
    (server) => server.sendText('{"ack":"nobody","accepted":["zzz"]}'),
    answer,
    answer,
    answer,
    (server) => server.stall(),
    (server) => server.takeBytes(upTo(500)),
    (server) => server.unstall(),
    (server) => server.hold(),
    (server) => server.unhold(),
    (server) => {
      server.answersPings = random() < 0.7
    },
    (server) => random() < 0.2 && server.reset(),
    (server) => random() < 0.2 && server.close(oneOf([1000, 1001, 4000]), ''),
    (server) => random() < 0.1 && server.sendBytes(Uint8Array.of(0xff, 0xff)),
  ]
  actor.start()
  for (let step = 0; step < STEPS; step++) {
    await setup.pass(random() < 0.7 ? upTo(20) : upTo(400))
    const server = transport.servers.at(-1)
    const act = oneOf(actions)
    if (server !== undefined) act(server)
  }
  const stopping = actor.stop()
  await setup.pass(5000)
  await setup.pass()
  await stopping
  await setup.pass(1_000_000)
  if (actor.status !== 'stopped') failed(`it is ${actor.status} after stop()`)
  if (clock.pendingTimers !== 0) failed(`${clock.pendingTimers} timers are left`)
  for (const [n, list] of outcomes) {
    if (list.length !== 1) failed(`ask ${n} has ${list.length} outcomes`)
    checkAgainstServers(n, list[0] as WsOutcome, transport.servers, failed)
  }
  if (actor.stats().pending !== 0) failed('asks are still pending')
}

/** "Not delivered" was said of no frame that a server has seen, and "sent" or an answer of none that it has not. */
function checkAgainstServers(
  n: number,
  outcome: WsOutcome,
  servers: readonly MockServerLink[],
  failed: (what: string) => never,
): void {
  const seen = servers.flatMap((server) => sentTo(server) as Json[]).filter((json) => json['ask'] === n).length
  if (seen > 1) failed(`ask ${n} was sent ${seen} times`)
  // Of calls that joined another's frame, the other's frame tells.
  if (outcome.requestId === 'same') return
  if (outcome.kind === 'not-delivered' && seen > 0) failed(`ask ${n} is not-delivered, and was seen`)
  if (outcome.kind === 'confirmed' && seen === 0) failed(`ask ${n} is confirmed, and was never seen`)
}

describe('whatever happens', () => {
  it.each(Array.from({ length: 40 }, (_, i) => i + 1))('seed %i', walk, 20_000)
})
