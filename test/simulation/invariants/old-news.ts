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

const SILENCES = ['ERR_SILENT', 'ERR_STALE', 'ERR_PONG_TIMEOUT']

/** No disconnect for silence while bytes lie in the kernel that came before anybody judged. */
export function checkDisconnect({ sim }: Life, record: ConnectionRecord, cause: WsDisconnectCause): void {
  if (!SILENCES.includes(cause.code)) return
  const { unreadAtEndSinceUs, givenUpInTurnUs } = record.link
  if (unreadAtEndSinceUs < givenUpInTurnUs) {
    const forMs = (givenUpInTurnUs - unreadAtEndSinceUs) / 1000
    sim.violated('no-verdict-on-old-news', `${cause.code}, while bytes had lain unread for ${forMs} ms`)
  }
}
