import type { WsDisconnectCause } from '../../../src/errors/disconnect-cause.ts'
import type { WsOutcome } from '../../../src/requests/outcome.ts'
import type { AskRecord } from '../ledger.ts'
import type { Life } from '../life.ts'

/** A disconnect of our own choosing, on a socket that works: it is told as `draining`. */
export interface Leaving {
  readonly cause: WsDisconnectCause
  /** The client's monotonic time. */
  readonly sinceUs: number
  /** World time since which nothing has been left to wait for; Infinity while there is something. */
  idleSinceUs: number
}

/** How long it may take to notice that there is nothing to wait for any more, while the client's loop runs. */
const PATIENCE_US = 20_000

/** Whoever leaves by his own choice first lets pending asks finish: we do not make orders ambiguous ourselves. */
export function hadItsTime({ sim, evidence }: Life, ask: AskRecord, outcome: WsOutcome): void {
  if (!('reason' in outcome) || outcome.reason !== 'disconnected') return
  const left = evidence.connections.get(outcome.connection)?.left
  if (left === undefined || left.forMs >= sim.setup.disconnectDrainMs - 0.001) return
  const { disconnectDrainMs } = sim.setup
  sim.violated(
    'leaves-politely',
    `${ask.mark} is cut off ${left.forMs} ms after ${left.cause.code}, of ${disconnectDrainMs}`,
  )
}

/** Nobody stays longer than there is something to wait for, nor longer than `disconnectDrainMs`. */
export function leavesInTime({ sim, evidence, actor }: Life): void {
  const { leaving } = evidence
  if (leaving === undefined || actor.status !== 'draining') return
  const { time, loop, clock, setup } = sim
  const { pending, queuedBytes } = actor.stats()
  const isIdle = pending === 0 && queuedBytes === (evidence.links.at(-1)?.queuedBytes ?? 0)
  if (!isIdle) leaving.idleSinceUs = Infinity
  else if (leaving.idleSinceUs === Infinity) leaving.idleSinceUs = time.nowUs
  const runningUs = time.nowUs - loop.lastStallUs
  const idleUs = Math.min(runningUs, time.nowUs - leaving.idleSinceUs)
  if (idleUs > PATIENCE_US) sim.violated('leaves-in-time', `it drains, and for ${idleUs} µs nothing has pended`)
  const overdueUs = Math.min(runningUs, clock.monoUs() - leaving.sinceUs - setup.disconnectDrainMs * 1000)
  if (overdueUs > PATIENCE_US) sim.violated('leaves-in-time', `it drains ${overdueUs} µs beyond disconnectDrainMs`)
}
