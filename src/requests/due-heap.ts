/** Something with a time at which it is due. The heap keeps `heapIndex`; `dueUs` must not change while it is in the heap. */
export interface Due {
  readonly dueUs: number
  heapIndex: number
}

/**
 * A binary heap by `dueUs` out of which any item can be taken, so that what has ended is gone and the size is that of
 * what waits. Which of several items with the same time comes first depends on the calls alone, never on chance.
 */
export class DueHeap<T extends Due> {
  readonly #items: T[] = []

  get size(): number {
    return this.#items.length
  }

  /** The item that is due first. */
  peek(): T | undefined {
    return this.#items[0]
  }

  push(item: T): void {
    this.#items.push(item)
    this.#up(item, this.#items.length - 1)
  }

  /** Items that are not in the heap are left alone. */
  remove(item: T): void {
    const index = item.heapIndex
    if (index === -1) return
    item.heapIndex = -1
    const last = this.#items.pop() as T
    if (last === item) return
    const parent = (index - 1) >> 1
    if (index > 0 && last.dueUs < (this.#items[parent] as T).dueUs) this.#up(last, index)
    else this.#down(last, index)
  }

  #up(item: T, from: number): void {
    let index = from
    while (index > 0) {
      const parentIndex = (index - 1) >> 1
      const parent = this.#items[parentIndex] as T
      if (parent.dueUs <= item.dueUs) break
      this.#put(parent, index)
      index = parentIndex
    }
    this.#put(item, index)
  }

  #down(item: T, from: number): void {
    let index = from
    for (;;) {
      let child = 2 * index + 1
      const right = this.#items[child + 1]
      if (right !== undefined && right.dueUs < (this.#items[child] as T).dueUs) child++
      const smaller = this.#items[child]
      if (smaller === undefined || smaller.dueUs >= item.dueUs) break
      this.#put(smaller, index)
      index = child
    }
    this.#put(item, index)
  }

  #put(item: T, index: number): void {
    this.#items[index] = item
    item.heapIndex = index
  }
}
