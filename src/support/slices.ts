/**
 * Node's own Buffer-to-string primitives. `toString` checks its arguments on every call, which costs as much as the
 * conversion of a short frame; these exist on every supported Node, so the fallback is for the ones that may come.
 */
type Slice = (this: Buffer, start: number, end: number) => string
const primitives = Buffer.prototype as unknown as { latin1Slice?: Slice; utf8Slice?: Slice }

const latin1: Slice =
  primitives.latin1Slice ??
  function (start, end) {
    return this.toString('latin1', start, end)
  }
const utf8: Slice =
  primitives.utf8Slice ??
  function (start, end) {
    return this.toString('utf8', start, end)
  }

/** Bytes below 0x80 to a one-byte string. */
export const latin1Slice = (buffer: Buffer, start: number, end: number): string => latin1.call(buffer, start, end)

/** UTF-8 to a string; U+FFFD for what is not UTF-8. A byte order mark is kept. */
export const utf8Slice = (buffer: Buffer, start: number, end: number): string => utf8.call(buffer, start, end)
