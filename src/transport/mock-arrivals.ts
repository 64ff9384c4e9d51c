import { SharedWsError } from '../errors/errors.ts'

/** What has come so far, in order, and a way to wait for what comes next. */
export class MockArrivals<T> {
  readonly all: T[] = []
  #given = 0
  #ended = false
  readonly #waiting = new Set<() => void>()

  add(item: T): void {
    this.all.push(item)
    this.#wake()
  }

  /** Nothing more will come: waits reject. */
  end(): void {
    this.#ended = true
    this.#wake()
  }

  /** The next one that this has not given yet. Rejects with `ERR_MOCK` after {@link end}, and when `signal` aborts. */
  next({ signal }: { readonly signal?: AbortSignal } = {}): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (action: () => void): void => {
        this.#waiting.delete(look)
        signal?.removeEventListener('abort', onAbort)
        action()
      }
      const onAbort = (): void => settle(() => reject(signal?.reason))
      const look = (): void => {
        if (this.#given < this.all.length) settle(() => resolve(this.all[this.#given++] as T))
        else if (this.#ended) settle(() => reject(new SharedWsError('ERR_MOCK', 'the connection ended, nothing comes')))
      }
      this.#waiting.add(look)
      signal?.addEventListener('abort', onAbort)
      if (signal?.aborted) onAbort()
      else look()
    })
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look()
  }
}
