import type { Simulation } from '../simulation.ts'

/** When nothing has gone wrong for a while, and nobody has wanted anything. */
export function checkAtRest(sim: Simulation): void {
  everyAskHasItsOutcome(sim)
  if (sim.evidence.stopped !== undefined) return
  isReady(sim)
  subscriptionsAreThoseDesired(sim)
  userCodeIsAlive(sim)
}

export function everyAskHasItsOutcome(sim: Simulation): void {
  for (const ask of sim.ledger.open) sim.violated('no-waiter-lost', `${ask.mark} never had an outcome`)
}

/** The network is good and the exchange is up: so is the connection. */
export function isReady(sim: Simulation): void {
  if (sim.actor.status !== 'ready') sim.violated('heals', `it is ${sim.actor.status}, though nothing is wrong any more`)
}

/** The exchange's subscriptions are the desired ones, but for those that it has rejected. */
export function subscriptionsAreThoseDesired(sim: Simulation): void {
  const states = sim.actor.subscriptions()
  const open = states.filter(({ stage }) => stage === 'desired' || stage === 'requested')
  if (open.length > 0) sim.violated('subscriptions-desired', `${open.map(({ item }) => item)} are not settled`)
  const wanted = new Set(states.filter(({ stage }) => stage === 'acked').map(({ item }) => item))
  const session = sim.venue.open.find(({ end }) => end.tcp === sim.evidence.liveTcp)
  if (session === undefined) {
    sim.violated('subscriptions-desired', 'the exchange has no connection of ours')
    return
  }
  const missing = [...wanted].filter((item) => !session.channels.has(item))
  // One that was asked for again and then refused is still there, as far as this exchange is concerned.
  const extra = [...session.channels].filter((item) => !wanted.has(item) && !sim.evidence.rejected.has(item))
  if (missing.length > 0) sim.violated('subscriptions-desired', `the exchange lacks ${missing}`)
  if (extra.length > 0) sim.violated('subscriptions-desired', `the exchange still has ${extra}`)
}

/** Handler and ingress hear of what comes, whatever they have thrown. */
export function userCodeIsAlive(sim: Simulation): void {
  const { evidence, venue } = sim
  const session = venue.open.find(({ end }) => end.tcp === evidence.liveTcp)
  const noisy = [...(session?.channels ?? [])].some((channel) => !channel.startsWith('user.'))
  if (noisy && evidence.messages === sim.messagesBeforeRest) {
    sim.violated('user-code-survives', 'data flows, and the handler hears of none of it')
  }
}

/** After `stop()`, and long after. */
export function checkStopped(sim: Simulation): void {
  const { actor, clock, evidence } = sim
  everyAskHasItsOutcome(sim)
  if (actor.status !== 'stopped') sim.violated('stops', `it is ${actor.status} after stop()`)
  if (evidence.stopped === undefined) sim.violated('stops', 'there was no status event `stopped`')
  const timers = clock.armed - sim.foreignTimers
  if (timers > 0) sim.violated('leaves-nothing', `${timers} timers are armed after the end`)
  for (const link of evidence.links) if (!link.told) sim.violated('leaves-nothing', `a link is ${link.state}`)
  for (const tcp of evidence.tcps) if (!tcp.destroyed) sim.violated('leaves-nothing', `tcp ${tcp.id} is open`)
  if (sim.user.waits > 0) sim.violated('leaves-nothing', `${sim.user.waits} promises of the user have not settled`)
  for (const record of evidence.connections.values()) {
    if (!record.gap) sim.violated('gaps-marked', `connection ${record.n} has no gap`)
  }
}

/** What the exchange's own log says of every ask, once more and apart from what was seen on the way. */
export function checkExchangeLog(sim: Simulation): void {
  const log = sim.venue.core.log()
  const frames = new Map<string, number>()
  const orders = new Set<string>()
  for (const entry of log) {
    if (entry.kind === 'frame' && entry.label !== undefined) {
      frames.set(entry.label, (frames.get(entry.label) ?? 0) + 1)
    }
    if (entry.kind === 'order') orders.add(entry.label)
  }
  for (const ask of sim.ledger.asks) {
    const [outcome] = ask.outcomes
    if (outcome === undefined) continue
    const seen = frames.get(ask.mark) ?? 0
    if (seen > 1) sim.violated('arrives-once', `the log has ${ask.mark} ${seen} times`)
    if (outcome.kind === 'not-delivered' && (seen > 0 || orders.has(ask.mark))) {
      sim.violated('never-sent', `the log has ${ask.mark}, which was said to be not delivered`)
    }
    if (ask.sharesId || ask.method !== 'private/buy') continue
    if (outcome.kind === 'confirmed' && !orders.has(ask.mark)) {
      sim.violated('confirmed-means-accepted', `${ask.mark} is confirmed, and there is no such order`)
    }
    if (outcome.kind === 'rejected' && orders.has(ask.mark)) {
      sim.violated('rejected-means-refused', `${ask.mark} is rejected, and there is such an order`)
    }
  }
}
