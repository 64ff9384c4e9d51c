import type { Life } from '../life.ts'
import type { Simulation } from '../simulation.ts'
import { nothingIsMissing } from './holes.ts'

/** When nothing has gone wrong for a while, and nobody has wanted anything. */
export function checkAtRest(sim: Simulation): void {
  everyAskHasItsOutcome(sim)
  const { life } = sim
  if (life.isOver) return
  isReady(life)
  subscriptionsAreThoseDesired(life)
  gapsHaveEnded(life)
  nothingIsMissing(life)
  userCodeIsAlive(life)
}

export function everyAskHasItsOutcome(sim: Simulation): void {
  for (const ask of sim.ledger.open) sim.violated('no-waiter-lost', `${ask.mark} never had an outcome`)
}

/** The network is good and the exchange is up: so is the connection. */
export function isReady({ sim, actor }: Life): void {
  if (actor.status !== 'ready') sim.violated('heals', `it is ${actor.status}, though nothing is wrong any more`)
  const { keptMessages } = actor.stats()
  if (keptMessages > 0) sim.violated('heals', `${keptMessages} messages wait for a connection, and there is one`)
}

/** The exchange's subscriptions are the desired ones, but for those that it has rejected. */
export function subscriptionsAreThoseDesired({ sim, actor, evidence, desired }: Life): void {
  const states = actor.subscriptions()
  const items = states.map(({ item }) => item)
  if (`${items}` !== `${desired.list()}`) sim.violated('subscriptions-desired', `${items}, not ${desired.list()}`)
  const open = states.filter(({ stage }) => stage === 'desired' || stage === 'requested')
  if (open.length > 0) sim.violated('subscriptions-desired', `${open.map(({ item }) => item)} are not settled`)
  const wanted = new Set(states.filter(({ stage }) => stage === 'acked' || stage === 'stale').map(({ item }) => item))
  const session = sim.venue.open.find(({ end }) => end.tcp === evidence.liveTcp)
  if (session === undefined) {
    sim.violated('subscriptions-desired', 'the exchange has no connection of ours')
    return
  }
  // Nobody can have found out about one whose limit could not be asked for.
  const missing = [...wanted].filter((item) => !session.channels.has(item) && !evidence.unwatched.has(item))
  // One that was asked for again and then refused is still there, as far as this exchange is concerned.
  const extra = [...session.channels].filter((item) => !wanted.has(item) && !evidence.rejected.has(item))
  if (missing.length > 0) sim.violated('subscriptions-desired', `the exchange lacks ${missing}`)
  if (extra.length > 0) sim.violated('subscriptions-desired', `the exchange still has ${extra}`)
}

/** A topic of which there is data again is told to have resumed. */
export function gapsHaveEnded({ sim, actor }: Life): void {
  const open = actor.subscriptions().filter(({ stage, item }) => stage === 'stale' && !item.startsWith('user.'))
  if (open.length > 0) sim.violated('gaps-end', `${open.map(({ item }) => item)} flow, and have not resumed`)
}

/** Handler and ingress hear of what comes, whatever they have thrown. */
export function userCodeIsAlive({ sim, evidence }: Life): void {
  const { venue } = sim
  const session = venue.open.find(({ end }) => end.tcp === evidence.liveTcp)
  const noisy = [...(session?.channels ?? [])].some((channel) => !channel.startsWith('user.'))
  if (noisy && evidence.messages === sim.messagesBeforeRest) {
    sim.violated('user-code-survives', 'data flows, and the handler hears of none of it')
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
