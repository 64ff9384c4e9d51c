export interface Deferred<T> {
  readonly promise: Promise<T>
  readonly settled: boolean
  resolve(value: T): void
  reject(reason: unknown): void
}

/** A promise that is settled from outside. Nobody need be waiting for it: a rejection is never an unhandled one. */
export function deferred<T>(): Deferred<T> {
  let settled = false
  let settleWith!: { resolve: (value: T) => void; reject: (reason: unknown) => void }
  const promise = new Promise<T>((resolve, reject) => {
    settleWith = { resolve, reject }
  })
  promise.catch(() => {})
  return {
    promise,
    get settled() {
      return settled
    },
    resolve(value) {
      settled = true
      settleWith.resolve(value)
    },
    reject(reason) {
      settled = true
      settleWith.reject(reason)
    },
  }
}
