import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import type { Life } from '../life.ts'

/** What user code throws here; nothing else may come out of the library in its place. */
export class ClumsyError extends Error {}

/** User code under an actor: in any of its hooks it may block, call the actor, or throw. */
export class Clumsiness {
  readonly #life: Life
  readonly #random: SeededRandom

  constructor(life: Life) {
    this.#life = life
    this.#random = SeededRandom.named(life.sim.setup.seed, `hooks ${life.n}`)
  }

  /** Every hook calls it first; `connection` is what the actor says that it is about. */
  touch(where: string, connection?: number): void {
    this.#life.evidence.hook(where, connection)
    this.stumble(where)
  }

  /** As {@link touch}, for functions that the user's own call runs, which may be a call to a stopped actor. */
  stumble(where: string): void {
    const { sim } = this.#life
    if (!sim.isChaotic) return
    const { setup } = sim
    if (this.#chance(setup.blocks)) {
      const ms = 1 + this.#random.below(this.#random.below(3) === 0 ? 2500 : 60)
      sim.fault('JavaScript stall', `${where} blocks for ${ms} ms`)
      sim.loop.block(ms)
    }
    if (this.#chance(setup.reenters)) sim.user.act(where, this.#life)
    if (this.#chance(setup.throws)) {
      sim.fault('hook throws', where)
      throw new ClumsyError(`${where} is clumsy`)
    }
  }

  /** What an `async` function returns that failed, where one that returns nothing belongs. */
  rejection(where: string): Promise<never> | undefined {
    const { sim } = this.#life
    if (!sim.isChaotic || !this.#chance(sim.setup.throws)) return undefined
    sim.fault('hook rejects', where)
    return Promise.reject(new ClumsyError(`${where} is clumsy, a little later`))
  }

  /** Instead of what a hook should return. */
  nonsense(where: string, atLeast = 0): boolean {
    const { sim } = this.#life
    if (!sim.isChaotic || !this.#chance(Math.max(sim.setup.throws, atLeast))) return false
    sim.fault('hook returns nonsense', where)
    return true
  }

  /** ms that an asynchronous hook takes. */
  get patienceMs(): number {
    return this.#random.below(20) === 0 ? this.#random.below(1500) : this.#random.below(10)
  }

  oneOf<T>(...list: readonly T[]): T {
    return list[this.#random.below(list.length)] as T
  }

  /** True once in so many times. */
  one(inSoMany: number): boolean {
    return this.#random.below(inSoMany) === 0
  }

  #chance(p: number): boolean {
    return p > 0 && this.#random.float() < p
  }
}
