import type { WsTimestampSource } from '../../../src/connect/request.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import type { Flavour } from '../world/link.ts'

/** What may happen to one answer of the exchange. */
export type AnswerFate = 'plain' | 'missing' | 'twice' | 'delayed' | 'interim' | 'unknown'

/** Of the latency policy. */
export interface LatencySetup {
  readonly maxRttMs: number
  readonly percentile: number
  readonly windowMs: number
  readonly minSamples: number
  readonly streak: number
}

/** One world, by its seed: sizes, times and chances. Everything else that is drawn is drawn while it runs. */
export interface Setup {
  readonly seed: number
  readonly flavour: Flavour
  readonly timestampSource: WsTimestampSource
  readonly tls: boolean
  // — network —
  readonly latencyMs: number
  readonly jitterMs: number
  readonly sendBuffer: number
  readonly receiveBuffer: number
  readonly addresses: number
  /** Mean time between two faults, ms; Infinity for none. */
  readonly faultEveryMs: number
  // — exchange —
  readonly auth: boolean
  readonly tokenSeconds: number
  readonly whenTokenExpires: 'error' | 'silent' | 'close'
  readonly lateMs: number
  readonly marketEveryMs: number
  readonly fateWeight: number
  readonly answers: Readonly<Record<AnswerFate, number>>
  readonly batchRefusals: number
  readonly heartbeatSeconds: number | undefined
  // — the actor —
  readonly maxLinkBytes: number
  readonly normalBytes: number
  readonly urgentBytes: number
  readonly keptBytes: number
  readonly maxPending: number
  readonly maxUnresolved: number
  readonly maxSettledIds: number
  readonly settledIdsMs: number
  readonly pingPong: 'none' | 'protocol' | 'application'
  readonly pingIntervalMs: number
  readonly pingTimeoutMs: number
  /** When a connection is too slow; undefined: never. */
  readonly latency: LatencySetup | undefined
  readonly staleAfterMs: number | undefined
  readonly silentAfterMs: number | undefined
  /** How long a topic may be silent; undefined: topics are not watched. */
  readonly topicSilentMs: number | undefined
  /** Who says which topic a message is data of. */
  readonly topicsBy: 'topicOf' | 'plan'
  /** What the venue lets a connection send; undefined: whatever it likes. */
  readonly pacing: { readonly frames: number; readonly perMs: number } | undefined
  readonly whenOverBudget: 'queue' | 'not-delivered'
  readonly subscriptionTimeoutMs: number
  readonly disconnectDrainMs: number
  readonly closeTimeoutMs: number
  readonly stableMs: number
  readonly urlIsFunction: boolean
  /** Credentials, headers, subprotocols and the proxy are functions, too. */
  readonly providers: boolean
  readonly budget: 'default' | 'tight' | 'wide' | 'none'
  readonly hasBreaker: boolean
  readonly hasIngress: boolean
  readonly hasMetrics: boolean
  // — the user —
  readonly userEveryMs: number
  /** A hook of the user's throws, blocks, or calls the actor, with these chances. */
  readonly throws: number
  /** The subscription manager fails to make a message of a change, as often. */
  readonly updateFailures: number
  readonly blocks: number
  readonly reenters: number
  readonly whenHookThrows: 'continue' | 'reconnect' | 'stop'
  readonly sharedIds: boolean
  /** How often it stops an actor, drains, abandons or aborts it, beside what else it does; 0 for never. */
  readonly ends: number
  /** The exchange leaves messages of a topic out, or sends one twice, with this chance. */
  readonly holes: number
  readonly resubscribeEveryMs: number
}

export function setupOf(seed: number): Setup {
  const random = SeededRandom.named(seed, 'setup')
  const oneOf = <T>(...list: readonly T[]): T => list[random.below(list.length)] as T
  const chance = (p: number): boolean => random.float() < p
  const rough = chance(0.6)
  const trouble = rough ? 1 : 0
  const latencyMs = oneOf(0.05, 1, 5, 40)
  const jitterMs = oneOf(0, 0.5, 5, 30)
  const marketEveryMs = oneOf(10, 40, 150)
  // Buffers that hold so little for so long that the market does not get through would be another kind of broken.
  const wayMs = latencyMs + jitterMs
  const sendBytes = oneOf(64, 300, 1000, 8192, 65536)
  const receiveBytes = oneOf(512, 4096, 65536, 65536)
  const wide = (bytes: number, bytesPerMs: number): number => Math.max(bytes, Math.ceil(4 * wayMs * bytesPerMs))
  const flavour = chance(0.7) ? 'native' : 'ws'
  return {
    seed,
    flavour,
    timestampSource: timestampSourceOf(seed, flavour),
    tls: chance(0.2),
    latencyMs,
    jitterMs,
    sendBuffer: wide(sendBytes, 5),
    receiveBuffer: wide(receiveBytes, 300 / marketEveryMs),
    addresses: oneOf(1, 1, 2, 3),
    faultEveryMs: oneOf(200, 700, 2000, 2000, 6000, Infinity),
    auth: chance(0.7),
    tokenSeconds: oneOf(2, 5, 900, 900),
    whenTokenExpires: oneOf('error', 'silent', 'close'),
    lateMs: oneOf(50, 400, 1500),
    marketEveryMs,
    fateWeight: rough ? 6 : 1,
    answers: {
      plain: 80,
      missing: 3 * trouble,
      twice: 4 * trouble,
      delayed: 4 * trouble,
      interim: 3 * trouble,
      unknown: 2 * trouble,
    },
    batchRefusals: oneOf(0, 0, 0.2, 0.5),
    heartbeatSeconds: oneOf(undefined, undefined, 1, 5),
    maxLinkBytes: oneOf(256, 2048, 65536),
    normalBytes: oneOf(1500, 4000, 1024 * 1024),
    urgentBytes: oneOf(400, 2000, 256 * 1024),
    maxPending: oneOf(3, 20, 1024),
    maxUnresolved: oneOf(5, 4096),
    maxSettledIds: oneOf(5, 100, 4096),
    settledIdsMs: oneOf(1000, 300_000),
    pingPong: oneOf('none', 'protocol', 'application'),
    pingIntervalMs: oneOf(100, 500, 2000),
    pingTimeoutMs: oneOf(300, 1000),
    latency: oneOf(undefined, undefined, {
      // A ping may need several round trips to fit through the buffers, and so may what is answered before it.
      maxRttMs: Math.ceil(2 * wayMs * (1 + 200 / sendBytes + 4000 / receiveBytes) + oneOf(20, 50, 200)),
      percentile: oneOf(50, 90, 100),
      windowMs: oneOf(500, 5000),
      minSamples: oneOf(1, 3),
      streak: oneOf(1, 3),
    }),
    staleAfterMs: oneOf(undefined, 800, 3000),
    silentAfterMs: oneOf(undefined, 1500, 4000),
    topicSilentMs: oneOf(undefined, undefined, 3000, 6000),
    // More than heartbeats alone use up: 10 pings and an answer a second, and the frame that is kept free for a pong.
    pacing: oneOf(undefined, undefined, undefined, { frames: 14, perMs: 1000 }, { frames: 20, perMs: 300 }),
    whenOverBudget: oneOf('queue', 'not-delivered'),
    subscriptionTimeoutMs: oneOf(500, 2000),
    disconnectDrainMs: oneOf(0, 100, 1000),
    closeTimeoutMs: oneOf(100, 500),
    stableMs: oneOf(0, 300, 2000),
    urlIsFunction: chance(0.3),
    providers: chance(0.2),
    budget: oneOf('default', 'tight', 'wide', 'wide', 'none'),
    hasBreaker: chance(0.2),
    hasIngress: chance(0.5),
    hasMetrics: chance(0.3),
    userEveryMs: oneOf(1, 5, 20, 60, 60, 600),
    throws: oneOf(0, 0, 0.002, 0.02),
    updateFailures: oneOf(0, 0, 0, 0.3),
    blocks: oneOf(0, 0, 0.002, 0.01),
    reenters: oneOf(0, 0.01, 0.05),
    whenHookThrows: oneOf('continue', 'continue', 'continue', 'continue', 'reconnect', 'stop'),
    sharedIds: chance(0.6),
    ends: oneOf(0, 0, 0.3, 1, 4),
    topicsBy: oneOf('topicOf', 'plan'),
    keptBytes: oneOf(300, 3000, 1024 * 1024),
    holes: oneOf(0, 0, 0.003, 0.03, 0.3),
    resubscribeEveryMs: 400,
  }
}

/** Drawn apart, so that it changes nothing else of a seed. */
function timestampSourceOf(seed: number, flavour: Flavour): WsTimestampSource {
  const random = SeededRandom.named(seed, 'timestamps')
  const sources: readonly WsTimestampSource[] =
    flavour === 'native' ? ['read', 'kernel', 'kernel', 'callback'] : ['read', 'read', 'callback']
  return sources[random.below(sources.length)] as WsTimestampSource
}
