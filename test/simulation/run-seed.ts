import { checkAtRest, checkExchangeLog } from './invariants/rest.ts'
import type { Life } from './life.ts'
import { Simulation, type Tampering, type Violation } from './simulation.ts'

export interface SeedOptions {
  /** Steps of chaos; rest and end come on top. */
  readonly steps: number
  readonly tampering?: Tampering
}

export interface SeedResult {
  readonly seed: number
  readonly steps: number
  readonly virtualMs: number
  readonly asks: number
  readonly outcomes: ReadonlyMap<string, number>
  /** What became of sends with a time-to-live. */
  readonly timed: ReadonlyMap<string, number>
  readonly actors: number
  readonly connections: number
  readonly faults: ReadonlyMap<string, number>
  readonly violation: Violation | undefined
  readonly traceHash: string
  readonly lastLines: readonly string[]
}

const SECOND_US = 1_000_000
/** For a connection to come back and everything to be answered, once nothing is wrong any more. */
const HEALS_WITHIN_US = 1500 * SECOND_US
const RESTS_FOR_US = 1 * SECOND_US
/** Longer than any silence is tolerated here. */
const SETTLED_FOR_US = 5 * SECOND_US
const MAX_STEPS_OF_A_PHASE = 200_000

/** One life: chaos, rest, the end. */
export async function runSeed(seed: number, { steps, tampering }: SeedOptions): Promise<SeedResult> {
  const sim = new Simulation(seed, tampering)
  await sim.loop.run(() => sim.begin())
  await sim.advance(steps, Infinity, () => false)
  await rest(sim)
  await end(sim)
  const outcomes = new Map<string, number>()
  for (const { outcomes: list } of sim.ledger.asks) {
    for (const { kind } of list) outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1)
  }
  return {
    seed,
    steps: sim.steps,
    virtualMs: sim.time.nowUs / 1000,
    asks: sim.ledger.asks.length,
    outcomes,
    timed: timedOf(sim.lives),
    actors: sim.lives.length,
    connections: sim.lives.reduce((sum, { evidence }) => sum + evidence.connections.size, 0),
    faults: sim.injected,
    violation: sim.violation,
    traceHash: sim.trace.hash,
    lastLines: sim.trace.last(600),
  }
}

function timedOf(lives: readonly Life[]): Map<string, number> {
  const all = (of: (life: Life) => number): number => lives.reduce((sum, life) => sum + of(life), 0)
  return new Map([
    ['have left', all(({ timed }) => timed.taken.messages)],
    ['of them on a later connection', all(({ timed }) => timed.crossed)],
    ['given up unsent', all(({ timed }) => timed.told.none.messages)],
    ['broke off, or nobody knows', all(({ timed }) => timed.told.part.messages + timed.told.unknown.messages)],
  ])
}

async function rest(sim: Simulation): Promise<void> {
  if (sim.violation !== undefined) return
  sim.trace.add('— rest: nothing goes wrong any more, and nobody wants anything')
  sim.isChaotic = false
  sim.faults.calm()
  if (sim.life.ends.isAsked)
    await sim.advance(MAX_STEPS_OF_A_PHASE, sim.time.nowUs + 5 * SECOND_US, () => sim.life.isOver)
  await sim.loop.run(() => {
    if (sim.life.isOver) sim.begin()
    const { life } = sim
    sim.user.resume(life)
    life.evidence.holes.mendAll()
    // Who judges by no silence at all cannot know, and must be told.
    if (!sim.noticesSilence) life.actor.reconnect()
    // Something that makes noise, so that nothing is stale.
    sim.user.subscribe(life, ['book.BTC-PERPETUAL.100ms'])
  })
  // One more subscription that the exchange forgets, for who watches topics to find out.
  if (sim.setup.topicSilentMs !== undefined) sim.faults.revokeOne()
  let settledUs = Infinity
  let connection = 0
  const settled = (): boolean => {
    const { life } = sim
    if (life.isOver) return true
    const isSettled = life.actor.status === 'ready' && sim.ledger.open.size === 0 && subscriptionsSettled(life)
    if (!isSettled || life.actor.connection !== connection || sim.hasSilentTopic) settledUs = Infinity
    else if (settledUs === Infinity) settledUs = sim.time.nowUs
    connection = life.actor.connection
    return sim.time.nowUs - settledUs > SETTLED_FOR_US
  }
  await sim.advance(MAX_STEPS_OF_A_PHASE, sim.time.nowUs + HEALS_WITHIN_US, settled)
  sim.messagesBeforeRest = sim.life.evidence.messages
  await sim.advance(MAX_STEPS_OF_A_PHASE, sim.time.nowUs + RESTS_FOR_US, () => false)
  if (sim.violation === undefined) checkAtRest(sim)
}

function subscriptionsSettled({ actor }: Life): boolean {
  const states = actor.subscriptions()
  // Nothing may come of the user's own orders for ever.
  const isQuiet = (item: string): boolean => item.startsWith('user.')
  return (
    states.every(({ stage, item }) => ['acked', 'rejected'].includes(stage) || (stage === 'stale' && isQuiet(item))) &&
    actor.openGaps().every(({ key }) => key !== undefined)
  )
}

async function end(sim: Simulation): Promise<void> {
  if (sim.violation !== undefined) return
  sim.trace.add('— the end')
  await sim.loop.run(() => sim.user.stop(sim.life, 'outside'))
  await sim.advance(MAX_STEPS_OF_A_PHASE, sim.time.nowUs + 30 * SECOND_US, () => false)
  sim.venue.end()
  if (!sim.life.isOver) sim.violated('stops', 'there was no status event `stopped`')
  if (sim.violation === undefined) checkExchangeLog(sim)
}
