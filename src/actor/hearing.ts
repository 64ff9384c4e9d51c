/**
 * Before a promise of the user's is condemned for not having settled in time: what it waits for may have happened just now, and it
 * takes the user's code a turn of the event loop to make something of it.
 */
export class Hearing {
  #dueUs: number | undefined
  #isUnderWay = false

  /** The turn is not over. */
  get isUnderWay(): boolean {
    return this.#isUnderWay
  }

  /** True: the promise that had until `dueUs` has had its turn. Otherwise `goOn` is called when what can settle is about to. */
  heard(dueUs: number, goOn: () => void): boolean {
    if (this.#dueUs === dueUs) return !this.#isUnderWay
    this.#dueUs = dueUs
    this.#isUnderWay = true
    // What follows is armed as a timer, behind all that settles without time passing.
    void Promise.resolve().then(() => {
      this.#isUnderWay = false
      goOn()
    })
    return false
  }
}
