import { markAsUntransferable } from 'node:worker_threads'

function refuse(): never {
  throw new TypeError('this memory is lent by shared-ws until the callback returns: keep a copy, such as bytes.slice()')
}

/**
 * Keeps users from detaching memory that they may only look at. The mark stops `structuredClone` and `postMessage`; before
 * Node 24 it does not stop `buffer.transfer()`, which would move the memory away under whoever writes to it.
 */
export function markAsLent(buffer: ArrayBufferLike): void {
  markAsUntransferable(buffer)
  if (!('transfer' in ArrayBuffer.prototype) || Object.hasOwn(buffer, 'transfer')) return
  Object.defineProperties(buffer, { transfer: { value: refuse }, transferToFixedLength: { value: refuse } })
}
