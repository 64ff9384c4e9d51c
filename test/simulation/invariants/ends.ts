import type { WsStopped } from '../../../src/actor/status.ts'
import type { DrainRecord, EndRecord } from '../ends.ts'
import { callIn } from '../ledger.ts'
import type { Life } from '../life.ts'
import { eachIsToldOnce } from './timed.ts'

/** How late anything may be told, while the client's loop runs. */
const PATIENCE_US = 20_000

/** Called after every step. */
export function checkEnds(life: Life): void {
  if (life.isOver) {
    if (!life.ends.isChecked) hasStopped(life)
    staysStopped(life)
    return
  }
  stopsInTime(life)
  drainIsTold(life)
}

/** Whoever asks for the end gets it in the time that he gives. */
export function stopsInTime({ sim, ends, actor }: Life): void {
  if (!ends.isAsked) return
  const { time, loop } = sim
  for (const { how, askedUs, withinMs } of ends.asked) {
    const forUs = time.nowUs - Math.max(askedUs, loop.lastStallUs)
    if (forUs <= withinMs * 1000 + PATIENCE_US) continue
    sim.violated('stops', `it is ${actor.status} ${forUs / 1000} ms after ${how}, which gives ${withinMs}`)
  }
}

/** The turn in which it has said `stopped` is over: nothing of it is left, and everybody has been told. */
export function hasStopped(life: Life): void {
  const { sim, ends, evidence } = life
  ends.isChecked = true
  for (const ask of sim.ledger.openOf(life)) sim.violated('no-waiter-lost', `${ask.mark} has no outcome at the end`)
  eachIsToldOnce(life)
  for (const link of evidence.links) if (!link.told) sim.violated('leaves-nothing', `a link is ${link.state}`)
  for (const tcp of sim.tcps) {
    if (!tcp.destroyed && sim.lifeOf(tcp) === life) sim.violated('leaves-nothing', `tcp ${tcp.id} is open`)
  }
  for (const record of evidence.connections.values()) {
    if (!record.gap) sim.violated('gaps-marked', `connection ${record.n} has no gap`)
  }
  if (ends.drains.size > 0) sim.violated('drain-is-told', `${ends.drains.size} calls of drain() wait after the end`)
  const items = life.actor.subscriptions().map(({ item }) => item)
  if (`${items}` !== `${life.desired.list()}`) {
    sim.violated('subscriptions-desired', `${items} at the end, and desired are ${life.desired.list()}`)
  }
}

/** Whatever is called on it: a stopped actor stays stopped, and leaves no timer. */
export function staysStopped({ sim, actor, clock, ends, waits }: Life): void {
  if (actor.status !== 'stopped') sim.violated('stopped-is-final', `it is ${actor.status} after it has stopped`)
  if (clock.armed > 0) sim.violated('leaves-nothing', `${clock.armed} timers are armed after the end`)
  if (waits > 0) sim.violated('leaves-nothing', `${waits} promises of the user have not settled`)
  if (ends.closedTold !== ends.closedCalls) {
    sim.violated('closed-is-told', `${ends.closedTold} of ${ends.closedCalls} calls of closed() have been told`)
  }
}

/** A promise of `closed()` or `stop()` has resolved. */
export function checkClosed(life: Life, stopped: WsStopped): void {
  const { sim, ends, evidence, clock } = life
  if (evidence.stopped === undefined) sim.violated('closed-is-told', 'closed() resolves, and it has not stopped')
  if (ends.told !== undefined && ends.told !== stopped) sim.violated('closed-is-told', 'closed() tells two stories')
  ends.told = stopped
  if (evidence.stopped?.kind === 'stopped' && evidence.stopped.cause !== stopped.cause) {
    sim.violated('closed-tells-why', `${stopped.cause.code}, and the status said ${evidence.stopped.cause.code}`)
  }
  if (typeof stopped.reason !== 'string' || stopped.reason === '')
    sim.violated('closed-tells-why', 'no reason is given')
  // Whoever waits for the end may look at what became of what he asked.
  for (const ask of ends.isChecked ? [] : sim.ledger.openOf(life)) {
    if (ends.afterwards.has(ask)) continue
    sim.violated('no-waiter-lost', `closed() resolves before ${ask.mark} has its outcome`)
  }
  // Timers of waits that have just been told go with the turn.
  const timers = clock.armed - life.waits - ends.drains.size
  if (timers > 0) sim.violated('leaves-nothing', `${timers} timers are armed when closed() resolves`)
  tellsWhy(life, stopped)
}

/** The first wish for the end is why; without one, what the last connection or attempt died of. */
function tellsWhy(life: Life, { cause }: WsStopped): void {
  const { sim, ends, evidence } = life
  const [first] = ends.asked
  const others = ends.asked.filter(({ turn }) => turn === first?.turn)
  const isTold = ({ how, code, message }: EndRecord): boolean =>
    (cause.code === code || (how === 'stop' && cause.code === 'ERR_CLOSE_TIMEOUT')) && cause.message.includes(message)
  if (others.some(isTold)) return
  // Which of its hook's errors has led to the end, is not known out here.
  if (cause.code === 'ERR_CALLBACK_THREW' && sim.setup.whenHookThrows === 'stop' && evidence.hookErrors > 0) return
  const gaveUp = cause === evidence.lastCause
  // A hook may have asked for it while the last disconnect was being judged.
  if (gaveUp && (first === undefined || first.turn === sim.loop.turns)) return
  const wanted = others.map(({ how, code }) => `${how} (${code})`)
  sim.violated('closed-tells-why', `closed() tells ${cause.code}: ${cause.message}; asked for was ${wanted}`)
}

/** What the user called after `drain()`, or after the end was asked for, never leaves. */
export function nothingAfterGoodbye({ sim, ends, evidence }: Life, text: string): void {
  if (evidence.stopped !== undefined) sim.violated('stopped-is-final', `a frame leaves: ${text.slice(0, 80)}`)
  const call = callIn(text)
  if (call === undefined) return
  if (call > ends.drainedAtCall) sim.violated('drain-refuses', `call ${call} leaves, and drain() came before it`)
  if (call > ends.endedAtCall) sim.violated('stop-refuses', `call ${call} leaves, and the end was asked for before it`)
}

/** `drain()` has resolved with `all`. */
export function checkDrained(life: Life, drain: DrainRecord, all: boolean): void {
  const { sim, ends, evidence } = life
  ends.drains.delete(drain)
  if (all) {
    const pending = drain.asks.find((ask) => sim.ledger.open.has(ask))
    if (pending !== undefined) sim.violated('drain-is-true', `drain() says all, and ${pending.mark} has no outcome`)
    if (!life.isOver && (sim.ledger.hasUnsent(life) || life.timed.waits))
      sim.violated('drain-is-true', 'drain() says all, and sends wait')
    return
  }
  const forMs = (sim.clock.monoUs() - drain.calledMonoUs) / 1000
  const isWhy = forMs >= drain.timeoutMs - 0.001 || evidence.disconnects > drain.disconnects || !drain.wasConnected
  if (!isWhy)
    sim.violated('drain-is-true', `drain() gives up after ${forMs} of ${drain.timeoutMs} ms, and nothing ended`)
}

/** It resolves when there is nothing left to wait for, and when its time is over. */
export function drainIsTold(life: Life): void {
  const { sim, ends } = life
  if (ends.drains.size === 0) return
  const { time, loop, ledger } = sim
  const { pending, queuedBytes } = life.actor.stats()
  const isDone =
    life.actor.status !== 'closing' &&
    pending === 0 &&
    queuedBytes === 0 &&
    !ledger.hasUnsent(life) &&
    !life.timed.waits
  for (const drain of ends.drains) {
    if (!isDone) drain.doneSinceUs = Infinity
    else if (drain.doneSinceUs === Infinity) drain.doneSinceUs = time.nowUs
    const doneForUs = time.nowUs - Math.max(drain.doneSinceUs, loop.lastStallUs)
    if (doneForUs > PATIENCE_US) sim.violated('drain-is-told', `nothing is left for ${doneForUs} µs, and drain() waits`)
    const overUs = time.nowUs - Math.max(drain.calledUs + drain.timeoutMs * 1000, loop.lastStallUs)
    if (overUs > PATIENCE_US)
      sim.violated('drain-is-told', `drain() waits ${overUs} µs beyond its ${drain.timeoutMs} ms`)
  }
}
