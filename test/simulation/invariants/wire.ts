import { callIn, markIn } from '../ledger.ts'
import type { Life } from '../life.ts'
import type { VenueSession } from '../play/venue.ts'

const CALL = /"call":(\d+),"lane":"(normal|urgent)"/
const ID = /"id":"?([^",}]+)/
const CLOSE = 8

/** What the exchange sees of us, frame by frame. */
export function checkFrame(life: Life, session: VenueSession, opcode: number, text: string): void {
  if (opcode >= CLOSE) return
  arrivesOnce(life, text)
  comesInCallOrder(life, session, text)
  if (text.includes('"public/auth"')) life.evidence.logins.add(ID.exec(text)?.[1] ?? '')
  replayComesFirst(life, session, text)
}

export function arrivesOnce({ sim, timed }: Life, text: string): void {
  timed.arrived(callIn(text) ?? 0)
  const ask = sim.ledger.byMark(markIn(text) ?? '')
  if (ask !== undefined && ask.arrivals.filter(({ whole }) => whole).length > 1) {
    sim.violated('arrives-once', `${ask.mark} arrived twice`)
  }
}

/** Within a lane, wire order is call order. */
export function comesInCallOrder({ sim, evidence }: Life, session: VenueSession, text: string): void {
  const [, call, lane] = CALL.exec(text) ?? []
  if (call === undefined) return
  const key = `${session.connection} ${lane}`
  const last = evidence.lastCalls.get(key) ?? 0
  if (Number(call) <= last) sim.violated('call-order', `call ${call} (${lane}) came behind call ${last}`)
  evidence.lastCalls.set(key, Number(call))
}

/** Nothing of the user's, and nothing private, leaves before we have read that our credentials were accepted. */
export function comesAfterAuth({ sim, evidence }: Life, text: string): void {
  if (!sim.setup.auth) return
  const tcp = evidence.links.at(-1)?.tcp
  const isUsers = callIn(text) !== undefined
  const isPrivate = text.includes('"method":"private/') || /"channels":\[[^\]]*\.raw"/.test(text)
  if (tcp === undefined || (!isUsers && !isPrivate)) return
  for (const id of evidence.logins) {
    const accepted = sim.ledger.answersTo(id).some(({ tcp: on, code, interim, endByte }) => {
      return on === tcp && code === undefined && !interim && endByte <= tcp.readBytes
    })
    if (accepted) return
  }
  sim.violated('nothing-before-auth', `${text.slice(0, 120)} on tcp ${tcp.id}`)
}

/** The replay of what was desired precedes every later change. */
export function replayComesFirst({ sim, evidence }: Life, session: VenueSession, text: string): void {
  const { tcp } = session.end
  const subscription = evidence.subscriptionIds.get(ID.exec(text)?.[1] ?? '')
  if (subscription === undefined) return
  if (subscription.what === 'change') {
    if (!evidence.replayed.has(tcp)) evidence.changedFirst.add(tcp)
    return
  }
  evidence.replayed.add(tcp)
  if (evidence.changedFirst.has(tcp) && !evidence.userReplays.has(subscription.connection)) {
    sim.violated('replay-first', `a change of subscriptions precedes the replay on tcp ${tcp.id}`)
  }
}
