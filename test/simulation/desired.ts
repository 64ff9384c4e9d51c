/** The desired subscriptions as a user keeps them who calls `subscribe` and its kin, in the order of being desired. */
export class Desired {
  readonly #items: Set<string>

  constructor(items: readonly string[]) {
    this.#items = new Set(items)
  }

  list(): readonly string[] {
    return [...this.#items]
  }

  add(items: readonly string[]): void {
    for (const item of items) this.#items.add(item)
  }

  remove(items: readonly string[]): void {
    for (const item of items) this.#items.delete(item)
  }

  replace(items: readonly string[]): void {
    for (const item of this.#items) if (!items.includes(item)) this.#items.delete(item)
    this.add(items)
  }
}
