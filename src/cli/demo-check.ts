import type { WsOutcome } from '../requests/outcome.ts'
import type { ExchangeLogEntry } from '../testing/exchange/log.ts'

/** What the gateway said about one request of its own. */
export interface DemoRequest {
  readonly requestId: string
  readonly method: string
  /** One, if the library keeps its word. */
  readonly outcomes: readonly DemoOutcome[]
}

export interface DemoOutcome {
  readonly kind: WsOutcome['kind']
  readonly reason?: string
  readonly code?: string
  readonly delivery: WsOutcome['delivery']
}

/** What the exchange told when it was asked about an order. */
export interface DemoProbe {
  readonly requestId: string
  readonly label: string
  readonly found: boolean
}

/** A place where one book message does not follow the one before it. `from`, `to`: connections of the gateway. */
export interface DemoHole {
  readonly channel: string
  readonly from: number
  readonly to: number
}

/** Everything that the check is made from: what the gateway said, and what the exchange saw. */
export interface DemoEvidence {
  readonly requests: readonly DemoRequest[]
  /** Told to `onLateReply`. */
  readonly lateReplies: readonly { readonly requestId: string; readonly kind: WsOutcome['kind'] }[]
  readonly probes: readonly DemoProbe[]
  /** Connections of the gateway that were open and ended. */
  readonly ended: readonly number[]
  /** Those for which a gap was told. */
  readonly gaps: readonly number[]
  readonly holes: readonly DemoHole[]
  /** What the gateway wanted to be subscribed to in the end, what was acknowledged, and what brought data at last. */
  readonly desired: readonly string[]
  readonly acked: readonly string[]
  readonly heard: readonly string[]
  readonly log: readonly ExchangeLogEntry[]
  readonly logDropped: number
}

/** One promise, and how it fared. */
export interface DemoFinding {
  readonly promise: string
  /** How many things were looked at. */
  readonly checked: number
  /** What breaks the promise; empty when it held. */
  readonly problems: readonly string[]
}

/** Holds what the gateway said against what the exchange saw. It knows nothing of either but the evidence. */
export function checkDemo(evidence: DemoEvidence): DemoFinding[] {
  const log = new LogIndex(evidence.log)
  const toldLate = new Set(evidence.lateReplies.map(({ requestId }) => requestId))
  const asked = new Set(evidence.requests.map(({ requestId }) => requestId))
  const claims = evidence.requests.flatMap(({ requestId, method, outcomes }) =>
    outcomes.map((outcome) => ({ requestId, method, outcome })),
  )
  const about = (...kinds: readonly WsOutcome['kind'][]): readonly Claim[] =>
    claims.filter(({ outcome }) => kinds.includes(outcome.kind))
  return [
    finding('every request has exactly one outcome', evidence.requests, ({ requestId, outcomes }) =>
      outcomes.length === 1 ? [] : [`${requestId} has ${outcomes.length} outcomes`],
    ),
    finding('confirmed: the exchange received it and said yes', about('confirmed', 'partial'), (claim) =>
      confirmedProblems(claim, log),
    ),
    finding('rejected: the exchange received it and said no', about('rejected'), (claim) =>
      rejectedProblems(claim, log),
    ),
    finding(
      'not delivered: not a byte of it reached the exchange',
      about('not-delivered', 'too-many-pending', 'payload-mismatch'),
      (claim) => undeliveredProblems(claim, log),
    ),
    finding('unconfirmed: the exchange saw nothing that says otherwise', about('unconfirmed', 'sent'), (claim) =>
      unconfirmedProblems(claim, log),
    ),
    finding('unconfirmed: what the exchange answered all the same was told later', about('unconfirmed'), (claim) =>
      toldLate.has(claim.requestId) ? [] : missedProblems(claim, log),
    ),
    finding('late answers are what the exchange answered', evidence.lateReplies, ({ requestId, kind }) =>
      log.replies(requestId).some(({ code }) => (kind === 'rejected') === (code !== undefined))
        ? []
        : [`${requestId} was told to be ${kind} late, which the exchange never answered`],
    ),
    finding('probed orders are where the probe said', evidence.probes, (probe) => probeProblems(probe, log)),
    finding('nothing was sent twice, and nothing that nobody asked for', log.orders(), (frame) => {
      const twice = log.frames(frame.id).filter(({ whole }) => whole).length > 1
      return [
        ...(twice ? [`${frame.id} reached the exchange twice`] : []),
        ...(asked.has(frame.id) ? [] : [`the exchange received ${frame.id}, which nobody asked for`]),
      ]
    }),
    finding('every end of a connection was marked by a gap', evidence.ended, (connection) => {
      const count = evidence.gaps.filter((gap) => gap === connection).length
      return count === 1 ? [] : [`connection ${connection} ended with ${count} gaps`]
    }),
    finding('every hole in a book lies behind a gap', evidence.holes, ({ channel, from, to }) =>
      from !== to && evidence.gaps.includes(from)
        ? []
        : [`${channel} has a hole between connections ${from} and ${to}, and no gap was told`],
    ),
    finding('no subscription was lost', evidence.desired, (channel) => subscriptionProblems(channel, evidence, log)),
    finding('none is left that was given up', log.subscribed, (channel) =>
      evidence.desired.includes(channel) ? [] : [`${channel} is still subscribed at the exchange`],
    ),
    finding("the exchange's log is whole", [evidence.logDropped], (dropped) =>
      dropped === 0 ? [] : [`${dropped} entries did not fit`],
    ),
  ]
}

interface Claim {
  readonly requestId: string
  readonly method: string
  readonly outcome: DemoOutcome
}

function finding<T>(promise: string, things: readonly T[], look: (thing: T) => readonly string[]): DemoFinding {
  return { promise, checked: things.length, problems: things.flatMap(look) }
}

function confirmedProblems({ requestId, method }: Claim, log: LogIndex): string[] {
  const problems = receivedProblems(requestId, 'confirmed', log)
  if (!log.replies(requestId).some(({ code }) => code === undefined)) {
    problems.push(`${requestId} was said to be confirmed, which the exchange never answered`)
  }
  if (isOrder(method) && !log.tookOrder(requestId)) {
    problems.push(`${requestId} was said to be confirmed, but the exchange took no order`)
  }
  return problems
}

function rejectedProblems({ requestId, method, outcome }: Claim, log: LogIndex): string[] {
  const problems = receivedProblems(requestId, 'rejected', log)
  if (!log.replies(requestId).some(({ code }) => code !== undefined && code === outcome.code)) {
    problems.push(`${requestId} was said to be rejected with ${outcome.code}, which the exchange never answered`)
  }
  if (isOrder(method) && log.tookOrder(requestId)) {
    problems.push(`${requestId} was said to be rejected, but the exchange took the order`)
  }
  return problems
}

function receivedProblems(requestId: string, said: string, log: LogIndex): string[] {
  const received = log.frames(requestId).some(({ whole }) => whole)
  return received ? [] : [`${requestId} was said to be ${said}, but the exchange never received it`]
}

function undeliveredProblems({ requestId, outcome }: Claim, log: LogIndex): string[] {
  const [frame] = log.frames(requestId)
  if (frame === undefined) return []
  const how = frame.whole ? 'received it' : 'received the beginning of it'
  return [`${requestId} was said to be ${outcome.kind}, but the exchange ${how}`]
}

function unconfirmedProblems({ requestId, outcome }: Claim, log: LogIndex): string[] {
  const frames = log.frames(requestId)
  const problems: string[] = []
  if (outcome.delivery === 'none' && frames.length > 0) {
    problems.push(`${requestId} was said to have sent no byte, but the exchange received some`)
  }
  if (outcome.delivery === 'part' && frames.some(({ whole }) => whole)) {
    problems.push(`${requestId} was said to have left in part, but the exchange received all of it`)
  }
  if (outcome.reason === 'disconnected' && frames.some(({ connection }) => !log.closed.has(connection))) {
    problems.push(`${requestId} was said to have been disconnected, but the exchange's connection never ended`)
  }
  return problems
}

/** An answer that was sent so shortly before its connection ended may have been lost with it. */
const LOST_WITHIN_US = 2_000_000

function missedProblems({ requestId }: Claim, log: LogIndex): string[] {
  const missed = log
    .replies(requestId)
    .some(({ connection, atUs }) => (log.closed.get(connection) ?? Infinity) > atUs + LOST_WITHIN_US)
  return missed ? [`${requestId} was answered by the exchange, and the gateway never said so`] : []
}

/** What came behind the probe does not count: an order may lie unread in a connection that has been given up. */
function probeProblems({ requestId, label, found }: DemoProbe, log: LogIndex): string[] {
  const probe = log.frames(requestId).find(({ whole }) => whole)
  if (probe === undefined) return [`the probe ${requestId} for ${label} was answered, but never received`]
  const taken = log.takenOrders(label).some(({ seq }) => seq < probe.seq)
  if (taken === found) return []
  return [found ? `${label} was said to be live, but is not` : `${label} was said not to exist, but does`]
}

function subscriptionProblems(channel: string, { acked, heard }: DemoEvidence, log: LogIndex): string[] {
  const problems: string[] = []
  if (!log.subscribed.includes(channel)) problems.push(`${channel} is not subscribed at the exchange`)
  if (!acked.includes(channel)) problems.push(`${channel} was not acknowledged`)
  // The user's own orders make no noise of themselves.
  if (!heard.includes(channel) && !channel.startsWith('user.')) problems.push(`${channel} brought nothing`)
  return problems
}

function isOrder(method: string): boolean {
  return method === 'private/buy' || method === 'private/sell'
}

type Entry<K extends ExchangeLogEntry['kind']> = Extract<ExchangeLogEntry, { readonly kind: K }>
/** A frame whose id could be read. */
type KnownFrame = Entry<'frame'> & { readonly id: string }

/** The exchange's log, by what is asked of it. */
class LogIndex {
  /** Connections that have ended, and when. */
  readonly closed = new Map<number, number>()
  /** Channels of the connection that was opened last. */
  readonly subscribed: readonly string[]
  readonly #frames = new Map<string, KnownFrame[]>()
  readonly #replies = new Map<string, Entry<'reply'>[]>()
  readonly #ordersById = new Set<string>()
  readonly #ordersByLabel = new Map<string, Entry<'order'>[]>()

  constructor(entries: readonly ExchangeLogEntry[]) {
    let subscribed: readonly string[] = []
    let newest = 0
    for (const entry of entries) {
      if (entry.kind === 'opened') {
        newest = entry.connection
        subscribed = []
      }
      if (entry.kind === 'closed') this.closed.set(entry.connection, entry.atUs)
      if (entry.kind === 'frame' && entry.id !== undefined) push(this.#frames, entry.id, entry as KnownFrame)
      if (entry.kind === 'reply') push(this.#replies, entry.id, entry)
      if (entry.kind === 'order') {
        this.#ordersById.add(entry.id)
        push(this.#ordersByLabel, entry.label, entry)
      }
      if (entry.kind === 'subscribed' && entry.connection === newest) subscribed = entry.channels
    }
    this.subscribed = subscribed
  }

  frames(id: string): readonly KnownFrame[] {
    return this.#frames.get(id) ?? []
  }

  replies(id: string): readonly Entry<'reply'>[] {
    return this.#replies.get(id) ?? []
  }

  /** Frames that place an order, the first of each id. */
  orders(): readonly KnownFrame[] {
    return [...this.#frames.values()].flatMap(([first]) =>
      first !== undefined && isOrder(first.method ?? '') ? [first] : [],
    )
  }

  takenOrders(label: string): readonly Entry<'order'>[] {
    return this.#ordersByLabel.get(label) ?? []
  }

  tookOrder(id: string): boolean {
    return this.#ordersById.has(id)
  }
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const values = map.get(key)
  if (values === undefined) map.set(key, [value])
  else values.push(value)
}
