import type { Simulation } from '../simulation.ts'

/** How long after its deadline an ask may still be without an outcome, while the client's loop runs. */
const PATIENCE_US = 20_000
/** Timers of the library that may be armed at one time: the actor's, those of an attempt, a token, waits of the user's. */
const MAX_TIMERS = 16

/** After every step; cheap, since it runs a million times. */
export function checkStep(sim: Simulation): void {
  gapsFollowEnds(sim)
  silenceIsNoticed(sim)
  if (sim.steps % 8 === 0) waitersAreToldInTime(sim)
  // `stats()` works out distributions.
  if (sim.steps % 64 === 0) statsAreSound(sim)
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
export function statsAreSound(sim: Simulation): void {
  const { setup, actor, clock, evidence } = sim
  const { pending, queuedBytes, messagesSent } = actor.stats()
  // The largest frame of the user's: a lane, or a link, that holds nothing else takes it whatever its size.
  const oneFrame = 3800
  const most = [setup.normalBytes, setup.urgentBytes, setup.maxLinkBytes].reduce(
    (sum, n) => sum + Math.max(n, oneFrame),
  )
  if (pending > setup.maxPending) sim.violated('bounded', `${pending} asks pend, ${setup.maxPending} may`)
  if (queuedBytes > most) sim.violated('bounded', `${queuedBytes} bytes are queued, ${most} may be`)
  if (messagesSent !== evidence.messagesTaken) {
    sim.violated('stats-tell-the-truth', `messagesSent is ${messagesSent}, the kernel took ${evidence.messagesTaken}`)
  }
  if (actor.unresolved().length > setup.maxUnresolved) sim.violated('bounded', 'more unresolved asks than may be')
  const timers = clock.armed - sim.foreignTimers - sim.user.waits
  if (timers > MAX_TIMERS) sim.violated('bounded', `${timers} timers are armed`)
}

/** A connection whose link has told its end has its gap, once. */
export function gapsFollowEnds(sim: Simulation): void {
  const { lastConnection: last } = sim.evidence
  if (last?.link.told && !last.gap) {
    sim.violated('gaps-marked', `connection ${last.n} has ended, and its gap is not marked`)
  }
}

/** Half-open silence is found out in the time that the options give, stalls of our own not counted. */
export function silenceIsNoticed(sim: Simulation): void {
  const { setup, time, loop, evidence } = sim
  const tcp = evidence.liveTcp
  if (tcp === undefined || evidence.paused) return
  const sinceUs = evidence.vanishedUs.get(tcp)
  if (sinceUs === undefined) return
  // A link that holds a frame larger than its bound takes no ping.
  const pings =
    setup.pingPong === 'none' || setup.maxLinkBytes < 4096 ? Infinity : setup.pingIntervalMs + 2 * setup.pingTimeoutMs
  // When the bytes of half a frame came is not known better than when they were next looked for.
  // A ping of ours waits its turn where frames are paced.
  const paced = setup.pacing === undefined ? 0 : 2 * setup.pacing.perMs
  const limitMs = Math.min(2 * (setup.silentAfterMs ?? Infinity), pings + paced) + 300
  const forMs = (time.nowUs - Math.max(sinceUs, loop.lastStallUs, evidence.resumedUs)) / 1000
  if (forMs > limitMs) sim.violated('silence-noticed', `nothing has come for ${forMs} ms, and the link is open`)
}
