/** A promise, or what passes for one. */
export function isPromised(value: unknown): boolean {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}

/** Nobody waits for `value`. Should it be a promise, its rejection must not end the process. */
export function disown(value: unknown): void {
  if (isPromised(value)) Promise.resolve(value).catch(() => {})
}

/** Throws for a promise where the user's function `what` must return `want` at once: an `async` function is the likely slip. */
export function refusePromise(value: unknown, what: string, want: string): void {
  if (typeof value !== 'object' || !isPromised(value)) return
  disown(value)
  throw new TypeError(`${what} must return ${want}; it returned a promise, for which nobody waits`)
}
