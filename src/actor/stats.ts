import type { WsActorStats } from './actor.ts'
import type { Interpreter } from './interpreter.ts'
import { statusOf } from './state.ts'

/** What an actor is doing, and has done. */
export function statsOf(core: Interpreter): WsActorStats {
  const { state, watch, asks, sends, live, options, health, lastDataUs } = core
  const nowUs = options.clock.monoUs()
  return {
    ...watch.snapshot(),
    status: statusOf(state),
    connection: core.connection,
    attempt: state.course.attempt,
    pending: asks.table.size,
    queuedBytes: asks.lanes.bytes + (live?.link.queuedBytes ?? 0) + sends.waitingBytes,
    keptMessages: sends.waiting,
    uptimeMs: live === undefined ? 0 : (nowUs - live.openedUs) / 1000,
    reconnects: Math.max(0, health.count.connectionsOpened - 1),
    ...(live === undefined ? {} : { lastByteAgeMs: (nowUs - live.lastByteUs) / 1000 }),
    ...(lastDataUs === undefined ? {} : { lastDataAgeMs: (nowUs - lastDataUs) / 1000 }),
    errors: core.telling.errors.count,
    recentErrors: core.telling.errors.list(),
  }
}
