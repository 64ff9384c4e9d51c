import type { WsOutcome } from '../../../src/requests/outcome.ts'
import type { AskRecord } from '../ledger.ts'
import type { Life } from '../life.ts'
import type { Simulation } from '../simulation.ts'
import { hadItsTime } from './leaving.ts'
import { checkNoAnswerUnread, wasJudgedByArrival } from './old-news.ts'

/** Kinds that promise that nothing of this call's frame has left, and nothing ever will. */
export const NEVER_SENT: readonly WsOutcome['kind'][] = ['not-delivered', 'too-many-pending', 'payload-mismatch']

/** Settling an ask: it has one outcome, the outcome has its cause, and neither kernel nor exchange say otherwise. */
export function checkOutcome(life: Life, ask: AskRecord, outcome: WsOutcome): void {
  const { sim } = life
  hasOneOutcome(sim, ask)
  hasItsCause(life, ask, outcome)
  hadItsTime(life, ask, outcome)
  wasRefused(sim, ask, outcome)
  if (NEVER_SENT.includes(outcome.kind)) wasNeverSent(sim, ask, outcome)
  if (outcome.kind === 'confirmed' || outcome.kind === 'rejected' || outcome.kind === 'partial') {
    wasAnswered(life, ask, outcome)
  }
  if (outcome.kind === 'sent') wasTaken(sim, ask)
  if (outcome.kind === 'unconfirmed') {
    checkNoAnswerUnread(life, ask, outcome)
    wasJudgedByArrival(life, ask, outcome)
  }
  saysWhatTheKernelTook(sim, ask, outcome)
}

export function hasOneOutcome(sim: Simulation, ask: AskRecord): void {
  if (ask.outcomes.length !== 1) {
    sim.violated('one-outcome', `${ask.mark} has ${ask.outcomes.length} outcomes`)
  }
}

/** None comes before what brings it about. */
export function hasItsCause(life: Life, ask: AskRecord, outcome: WsOutcome): void {
  const { sim, evidence, ends } = life
  if (!('reason' in outcome)) return
  const nowUs = sim.clock.monoUs()
  const wrong = (why: string): void => {
    sim.violated('outcome-has-cause', `${ask.mark} is ${outcome.kind}/${outcome.reason}, but ${why}`)
  }
  switch (outcome.reason) {
    case 'deadline':
      if (nowUs < ask.deadlineUs) wrong(`its deadline is ${(ask.deadlineUs - nowUs) / 1000} ms away`)
      break
    case 'expired-unsent':
      // A call that shares its id may have been kept waiting by another's frame.
      if (nowUs < ask.sendByUs && !ask.sharesId) wrong('its time to be sent has not passed')
      break
    case 'aborted':
      if (ask.signal?.aborted !== true) wrong('nobody aborted it')
      break
    case 'disconnected': {
      const record = evidence.connections.get(outcome.connection)
      if (record !== undefined && !record.link.told) wrong(`connection ${outcome.connection} has not ended`)
      break
    }
    case 'not-ready':
      // Once the peer has said CLOSE the link takes no frames, before its end is known.
      if (!ask.mayBeNotReady && evidence.links.at(-1)?.state === 'open') wrong('the actor was ready')
      break
    case 'stopped':
      if (!ends.isAsked && !life.isOver) wrong('nobody stopped')
      break
    case 'queue-full':
      // Inside a hook everything queues until it has returned, and a frame larger than its lane fits when nothing waits.
      if (
        sim.setup.pacing === undefined &&
        !ask.fromInside &&
        ask.bytes + 200 < laneBytes(sim, ask) &&
        life.actor.stats().queuedBytes === 0
      ) {
        wrong('nothing is queued')
      }
      break
    case 'status-unknown':
      break
  }
}

/** Not sent: no byte of it has reached the kernel. That none does later is watched at the kernel itself. */
export function wasNeverSent(sim: Simulation, ask: AskRecord, outcome: WsOutcome): void {
  if (ask.beganUs !== undefined || ask.arrivals.length > 0) {
    sim.violated(
      'never-sent',
      `${ask.mark} is ${outcome.kind}, and the kernel has taken ${ask.takenUs === undefined ? 'part' : 'all'} of it`,
    )
  }
}

/** Confirmed: received and accepted. Rejected: refused. And the answer has been read by now. */
export function wasAnswered({ sim, evidence }: Life, ask: AskRecord, outcome: WsOutcome): void {
  const record = evidence.connections.get(outcome.connection)
  const tcp = record?.link.tcp
  const seen = sim.ledger.seenUnder(outcome.requestId)
  const carried = seen.some(({ arrivals }) => arrivals.some((arrival) => arrival.whole && arrival.tcp === tcp))
  if (!carried) {
    sim.violated('answered-means-received', `${ask.mark} is ${outcome.kind}, and no frame ${outcome.requestId} arrived`)
  }
  const accepting = outcome.kind !== 'rejected'
  const answers = sim.ledger.answersTo(outcome.requestId)
  const fitting = answers.some(
    ({ tcp: on, code, interim, endByte }) =>
      on === tcp && !interim && (code === undefined) === accepting && endByte <= (tcp?.readBytes ?? 0),
  )
  if (!fitting) {
    sim.violated('answered-means-answered', `${ask.mark} is ${outcome.kind}, and no such answer has been read`)
  }
  if (outcome.kind === 'rejected' && outcome.code !== undefined && !answers.some(({ code }) => code === outcome.code)) {
    sim.violated('answered-means-answered', `${ask.mark} is rejected with ${outcome.code}, which nobody said`)
  }
}

/** The venue has answered it. */
export function answeredBy(outcome: WsOutcome | undefined): boolean {
  const kind = outcome?.kind
  if (kind === 'confirmed' || kind === 'rejected' || kind === 'partial') return true
  return outcome !== undefined && 'reason' in outcome && outcome.reason === 'status-unknown'
}

/** Asked after `drain()`, or after the end was asked for: nothing of it is sent, unless it joins what has been sent. */
export function wasRefused(sim: Simulation, ask: AskRecord, outcome: WsOutcome): void {
  if (!ask.mustBeRefused || ask.sharesId || NEVER_SENT.includes(outcome.kind)) return
  sim.violated('stop-refuses', `${ask.mark} is ${outcome.kind}, and no ask was to be accepted any more`)
}

/** Sent: the kernel has every byte of a frame with its id. */
export function wasTaken(sim: Simulation, ask: AskRecord): void {
  if (ask.takenUs === undefined && !ask.sharesId) {
    sim.violated('sent-means-taken', `${ask.mark} is sent, and the kernel has not taken all of it`)
  }
}

/** `delivery` of a call whose frame is its own. */
export function saysWhatTheKernelTook(sim: Simulation, ask: AskRecord, outcome: WsOutcome): void {
  if (ask.sharesId) return
  const { delivery } = outcome
  const truth = ask.takenUs !== undefined ? 'all' : ask.beganUs !== undefined ? 'part' : 'none'
  // `part` is said of a frame whose rest the kernel has taken since it was last looked at.
  const fits = delivery === truth || delivery === 'unknown' || (delivery === 'part' && truth === 'all')
  if (!fits) sim.violated('delivery-is-true', `${ask.mark}: delivery ${delivery}, and the kernel took ${truth}`)
}

function laneBytes({ setup }: Simulation, { urgent }: AskRecord): number {
  return urgent ? setup.urgentBytes : setup.normalBytes
}
