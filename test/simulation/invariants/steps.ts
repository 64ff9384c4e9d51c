import type { Life } from '../life.ts'
import type { Simulation } from '../simulation.ts'
import { checkEnds } from './ends.ts'
import { leavesInTime } from './leaving.ts'
import { silenceIsNoticed, stallIsTold } from './silence.ts'
import { givenUpInTime, keptWithinBound } from './timed.ts'

/** How long after its deadline an ask may still be without an outcome, while the client's loop runs. */
const PATIENCE_US = 20_000
/** Timers of the library that may be armed at one time: the actor's, those of an attempt, a token, waits of the user's. */
const MAX_TIMERS = 16

/** After every step; cheap, since it runs a million times. */
export function checkStep(sim: Simulation): void {
  for (const life of sim.lives) checkEnds(life)
  const { life } = sim
  gapsFollowEnds(life)
  silenceIsNoticed(life)
  stallIsTold(life)
  leavesInTime(life)
  if (sim.steps % 8 === 0) {
    givenUpInTime(life)
    keptWithinBound(life)
  }
  if (sim.steps % 8 === 0) waitersAreToldInTime(sim)
  // `stats()` works out distributions.
  if (sim.steps % 64 === 0) statsAreSound(life)
}

/** Every ask has its outcome when its deadline has passed. */
export function waitersAreToldInTime(sim: Simulation): void {
  const { time, loop, ledger, clock } = sim
  const runningUs = time.nowUs - Math.max(loop.lastStallUs, 0)
  if (runningUs < PATIENCE_US) return
  for (const ask of ledger.open) {
    const lateUs = clock.monoUs() - ask.deadlineUs
    if (lateUs > PATIENCE_US) {
      sim.violated('no-waiter-lost', `${ask.mark} has no outcome ${lateUs / 1000} ms after its deadline`)
      return
    }
  }
}

/** Queues are bounded, and what was sent is what the kernel took. */
export function statsAreSound({ sim, actor, clock, waits, ends, evidence, timed }: Life): void {
  const { setup } = sim
  const { pending, queuedBytes, messagesSent, sendsGivenUp } = actor.stats()
  // The largest frame of the user's: a lane, or a link, that holds nothing else takes it whatever its size.
  const oneFrame = 3800
  const most = [setup.normalBytes, setup.urgentBytes, setup.maxLinkBytes].reduce(
    (sum, n) => sum + Math.max(n, oneFrame),
    setup.keptBytes,
  )
  if (pending > setup.maxPending) sim.violated('bounded', `${pending} asks pend, ${setup.maxPending} may`)
  if (queuedBytes > most) sim.violated('bounded', `${queuedBytes} bytes are queued, ${most} may be`)
  if (messagesSent !== evidence.messagesTaken) {
    sim.violated('stats-tell-the-truth', `messagesSent is ${messagesSent}, the kernel took ${evidence.messagesTaken}`)
  }
  if (sendsGivenUp !== timed.toldMessages) {
    sim.violated('stats-tell-the-truth', `sendsGivenUp is ${sendsGivenUp}, ${timed.toldMessages} were told`)
  }
  if (actor.unresolved().length > setup.maxUnresolved) sim.violated('bounded', 'more unresolved asks than may be')
  const timers = clock.armed - waits - ends.drains.size
  if (timers > MAX_TIMERS) sim.violated('bounded', `${timers} timers are armed`)
}

/** A connection whose link has told its end has its gap, once. */
export function gapsFollowEnds({ sim, evidence }: Life): void {
  const { lastConnection: last } = evidence
  if (last?.link.told && !last.gap) {
    sim.violated('gaps-marked', `connection ${last.n} has ended, and its gap is not marked`)
  }
}
