/** So that frames without payload have a bound too. */
export const FRAME_COST = 16

/** What a frame that waits counts against a bound, bytes. */
export function costOf(payload: string | Uint8Array): number {
  return FRAME_COST + (typeof payload === 'string' ? Buffer.byteLength(payload) : payload.byteLength)
}
