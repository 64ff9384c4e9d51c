import type { Life } from '../life.ts'
import type { Simulation } from '../simulation.ts'

/** The actor asks for another link. */
export function checkAttempt(life: Life): void {
  oneAtATime(life)
  keepsTheBudget(life.sim)
  respectsTheCircuit(life.sim)
  if (life.isOver) life.sim.violated('stopped-is-final', 'a stopped actor connects')
}

/** At most one live connection and one attempt, and never both, of all the actors that there have been. */
export function oneAtATime({ sim }: Life): void {
  const links = sim.lives.flatMap(({ evidence }) => evidence.links)
  const alive = links.find((link) => !link.told)
  if (alive !== undefined) sim.violated('one-connection', `another link is asked for while one is ${alive.state}`)
}

/** No window sees more connects than its limit, wherever it begins. */
export function keepsTheBudget(sim: Simulation): void {
  const { attemptTimes: times, clock, connectLimits } = sim
  const nowUs = clock.monoUs()
  times.push(nowUs)
  for (const { connects, perMs } of connectLimits) {
    const before = times[times.length - 1 - connects]
    if (before === undefined) continue
    const withinMs = (nowUs - before) / 1000
    if (withinMs < perMs) sim.violated('budget-kept', `${connects + 1} connects in ${withinMs} ms`)
  }
}

/** Nobody connects while the circuit is open. */
export function respectsTheCircuit(sim: Simulation): void {
  if (sim.breaker?.state(sim.clock.monoUs()) === 'open') sim.violated('circuit-respected', 'a connect, and it is open')
}
