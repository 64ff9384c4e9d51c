import type { WsDisconnectCause } from '../../../src/errors/disconnect-cause.ts'
import type { WsOutcome } from '../../../src/requests/outcome.ts'
import type { ConnectionRecord } from '../evidence.ts'
import type { AskRecord } from '../ledger.ts'
import type { Life } from '../life.ts'

/** No `unconfirmed` while the answer lies in the kernel, where it came before the deadline. */
export function checkNoAnswerUnread(
  { sim, evidence }: Life,
  ask: AskRecord,
  outcome: Extract<WsOutcome, { kind: 'unconfirmed' }>,
): void {
  if (outcome.reason !== 'deadline') return
  const record = evidence.connections.get(outcome.connection)
  const tcp = record?.link.tcp
  // While the user wants nothing to be read, nothing is.
  if (record === undefined || tcp === undefined || record.link.isPaused) return
  // Or until just now, by the same hooks that this verdict came before.
  if (evidence.resumedUs >= sim.loop.turnStartUs) return
  const deadlineUs = ask.deadlineUs - (sim.clock.monoUs() - sim.time.nowUs)
  for (const { tcp: on, endByte, interim } of sim.ledger.answersTo(outcome.requestId)) {
    if (on !== tcp || interim || endByte <= tcp.readBytes) continue
    const cameUs = tcp.arrivedAtUs(endByte)
    if (cameUs <= deadlineUs && cameUs < sim.time.nowUs) {
      const late = (deadlineUs - cameUs) / 1000
      sim.violated(
        'no-verdict-on-old-news',
        `${ask.mark} is unconfirmed; its answer came ${late} ms before the deadline, unread`,
      )
    }
  }
}

/** An answer that has been read and came before the deadline has settled its ask, however late it was read. */
export function wasJudgedByArrival(
  { sim, evidence }: Life,
  ask: AskRecord,
  outcome: Extract<WsOutcome, { kind: 'unconfirmed' }>,
): void {
  // The user's own code may have dropped it, and another call under the id may have taken it.
  if (outcome.reason !== 'deadline' || evidence.hookErrors > 0 || ask.sharesId) return
  const link = evidence.connections.get(outcome.connection)?.link
  // Nothing is heard behind a violation, nor behind a CLOSE.
  if (link?.tcp === undefined || link.state !== 'open') return
  const { tcp } = link
  const deadlineUs = ask.deadlineUs - (sim.clock.monoUs() - sim.time.nowUs)
  for (const { tcp: on, endByte, interim } of sim.ledger.answersTo(outcome.requestId)) {
    if (on !== tcp || interim || endByte > tcp.readBytes) continue
    const early = (deadlineUs - tcp.arrivedAtUs(endByte)) / 1000
    if (early < 0) continue
    sim.violated(
      'judged-by-arrival',
      `${ask.mark} is unconfirmed; its answer came ${early} ms before the deadline, and was read`,
    )
  }
}

const SILENCES = ['ERR_SILENT', 'ERR_STALE', 'ERR_PONG_TIMEOUT']

/**
 * No pong is missed that has had less than its time: a ping has been with the kernel for so long, or the kernel, and through it the
 * peer, takes nothing.
 */
export function hadTimeToAnswer({ sim, evidence }: Life, record: ConnectionRecord, cause: WsDisconnectCause): void {
  const { pingTimeoutMs, pingIntervalMs } = sim.setup
  if (cause.code !== 'ERR_PONG_TIMEOUT') return
  const forMs = (sim.clock.monoUs() - evidence.lastPingUs) / 1000
  const isStuck = record.link.stuckUs >= sim.time.nowUs - (pingTimeoutMs + 2 * pingIntervalMs + 1000) * 1000
  if (forMs >= pingTimeoutMs - 0.001 || isStuck) return
  sim.violated('had-time-to-answer', `${cause.code}, ${forMs} ms after the last ping; ${pingTimeoutMs} are given`)
}

/** No disconnect for silence while bytes lie in the kernel that came before anybody judged. */
export function checkDisconnect(life: Life, record: ConnectionRecord, cause: WsDisconnectCause): void {
  const { sim } = life
  hadTimeToAnswer(life, record, cause)
  if (!SILENCES.includes(cause.code)) return
  const { unreadAtEndSinceUs, givenUpInTurnUs } = record.link
  if (unreadAtEndSinceUs < givenUpInTurnUs) {
    const forMs = (givenUpInTurnUs - unreadAtEndSinceUs) / 1000
    sim.violated('no-verdict-on-old-news', `${cause.code}, while bytes had lain unread for ${forMs} ms`)
  }
}
