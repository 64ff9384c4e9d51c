import { WebSocketActor } from '../../src/actor/websocket-actor.ts'
import type { WsOutcome } from '../../src/requests/outcome.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import type { WsTransport } from '../../src/transport/transport.ts'
import { tlsFixtureCa } from '../support/raw-server.ts'
import { jsonHandler } from '../unit/actor/support.ts'
import { Judge } from './judge.ts'
import { type KillPlan, KillProxy } from './proxy.ts'

const IN_FLIGHT = 6
/** Over plain TCP the sweep covers the first few frames, whose payloads have lengths of all three kinds; over TLS the
 * handshake as well. */
const SWEEP_BYTES = { plain: 700, tls: 3000 }
const LARGE = 70_000
/** Has no factor in common with either: a short attack samples all of it, a long one comes everywhere. */
const STRIDE = 37

export interface AttackOptions {
  readonly transport: WsTransport
  readonly isTls: boolean
  readonly kills: number
  readonly seed: number
  /** Where in the sweep over byte offsets it begins. */
  readonly firstPlan: number
}

export interface AttackResult {
  readonly kills: ReadonlyMap<string, number>
  readonly asks: number
  readonly outcomes: ReadonlyMap<string, number>
  /** With a time-to-live: how many of them were told never to have arrived, whole. */
  readonly sends: { readonly accepted: number; readonly unsent: number }
  readonly received: number
  /** One sentence each. */
  readonly contradictions: readonly string[]
}

/** Lets one actor ask without pause while a proxy kills its connections, and compares what it was told with the server's log. */
export async function attack({ transport, isTls, kills, seed, firstPlan }: AttackOptions): Promise<AttackResult> {
  const random = new SeededRandom(seed)
  const judge = await Judge.listen(isTls)
  let plans = 0
  const proxy = await KillProxy.listen(judge.port, isTls, () =>
    plans < kills * 2 ? planOf(firstPlan + plans++, isTls, random) : undefined,
  )
  const told: (WsOutcome | undefined)[] = []
  const sends = { accepted: 0, unsent: 0 }
  const { handler } = jsonHandler()
  const actor = new WebSocketActor({
    url: `${isTls ? 'wss' : 'ws'}://localhost:${proxy.port}/`,
    lookup: async () => [{ address: '127.0.0.1', family: 4 as const }],
    transport,
    handler,
    ...(isTls ? { tls: { ca: tlsFixtureCa() } } : {}),
    ...(transport.name === 'native' ? { socket: { sendBufferBytes: 4096 } } : {}),
    limits: { maxLinkBytes: 8192 },
    lanes: { normalBytes: 100_000, urgentBytes: 100_000 },
    reconnect: { nextDelayMs: () => 1, reset() {} },
    onStatus: (event) => {
      if (event.kind === 'sends-given-up' && event.delivery !== 'unknown') sends.unsent += event.messages
    },
  })
  actor.start()
  const isDone = (): boolean => proxy.killed >= kills
  const ask = async (): Promise<void> => {
    const n = told.length
    told.push(undefined)
    const pad = 'x'.repeat(random.below(40) === 0 ? LARGE : random.below(300))
    const abort = random.below(12) === 0 ? new AbortController() : undefined
    const asking = actor.ask({
      frame: (id: string) => JSON.stringify({ id, n, pad }),
      confirmMode: random.below(4) === 0 ? 'sent' : 'confirmed',
      timeoutMs: 20 + random.below(400),
      urgent: random.below(5) === 0,
      ...(random.below(4) === 0 ? { sendWithinMs: random.below(20) } : {}),
      ...(abort === undefined ? {} : { signal: abort.signal }),
    })
    if (abort !== undefined) setTimeout(() => abort.abort(), random.below(10))
    told[n] = await asking
  }
  /** What may cross reconnects, which are many. */
  const send = (): void => {
    const n = -1 - sends.accepted
    const pad = 'x'.repeat(random.below(3000))
    const options = { ttlMs: 1 + random.below(200), acrossReconnect: random.below(4) > 0 }
    const sent = actor.send(JSON.stringify({ id: '', n, pad }), options)
    if (sent === 'taken' || sent === 'queued') sends.accepted++
  }
  const askOn = async (): Promise<void> => {
    while (!isDone()) {
      // Some do not wait, and are refused between two connections.
      if (random.below(8) > 0) await actor.ready({ timeoutMs: 30_000 })
      send()
      await ask()
      // An ask may settle at once, with the news that explains it still to come.
      await new Promise(setImmediate)
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, askOn))
  await actor.stop()
  await proxy.stop()
  await judge.stop()
  const outcomes = new Map<string, number>()
  for (const outcome of told) outcomes.set(outcome?.kind ?? 'none', (outcomes.get(outcome?.kind ?? 'none') ?? 0) + 1)
  const contradictions = told.flatMap((outcome, n) => contradiction(n, outcome, judge) ?? [])
  contradictions.push(...contradictionsOfSends(sends, judge))
  return { kills: proxy.kills, asks: told.length, outcomes, sends, received: judge.received.size, contradictions }
}

/** Every offset in turn, and moments by chance. */
function planOf(index: number, isTls: boolean, random: SeededRandom): KillPlan {
  const end = {
    how: random.below(2) === 0 ? 'rst' : 'fin',
    deafForMs: random.below(4) === 0 ? random.below(15) : 0,
  } as const
  const sweep = isTls ? SWEEP_BYTES.tls : SWEEP_BYTES.plain
  const turn = Math.floor(index / 4)
  switch (index % 4) {
    case 0:
    case 1:
      return { ...end, kind: 'client-bytes', bytes: (STRIDE * (2 * turn + (index % 4))) % sweep }
    case 2:
      return { ...end, kind: 'server-bytes', bytes: (isTls ? 0 : 129) + ((STRIDE * turn) % sweep) }
    default:
      return { ...end, kind: 'time', afterMs: random.below(20) }
  }
}

/** What the server's log says against an outcome. */
function contradiction(n: number, outcome: WsOutcome | undefined, judge: Judge): string | undefined {
  const seen = judge.received.get(n) ?? []
  if (outcome === undefined) return `ask ${n} has no outcome`
  const { kind } = outcome
  if (seen.length > 1) return `ask ${n} (${kind}) arrived ${seen.length} times`
  const neverSent = kind === 'not-delivered' || kind === 'too-many-pending' || kind === 'payload-mismatch'
  if (neverSent && seen.length > 0) return `ask ${n} is ${kind}, and arrived`
  if (kind === 'confirmed' && seen[0] !== 'accepted') return `ask ${n} is confirmed, and was ${seen[0] ?? 'never seen'}`
  if (kind === 'rejected' && seen[0] !== 'refused') return `ask ${n} is rejected, and was ${seen[0] ?? 'never seen'}`
  if (outcome.delivery === 'none' && seen.length > 0) return `ask ${n} (${kind}) has delivery none, and arrived`
  return undefined
}

/** Each arrives once at most, and those that were told not to have left are not among those that arrived. */
function contradictionsOfSends({ accepted, unsent }: AttackResult['sends'], judge: Judge): string[] {
  const arrived = [...judge.received].filter(([n]) => n < 0)
  const twice = arrived.filter(([, seen]) => seen.length > 1)
  const found = twice.map(([n, seen]) => `send ${-n} arrived ${seen.length} times`)
  if (arrived.length + unsent > accepted) {
    found.push(`${arrived.length} sends arrived and ${unsent} were told not to have, of ${accepted}`)
  }
  return found
}
