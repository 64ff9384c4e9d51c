import type { WsFrame } from '../../transport/frame.ts'

const QUOTE = 0x22
const M = 0x6d
/** Where the second key begins in `{"jsonrpc":"2.0","method":…`, as servers without spaces in their JSON write it. */
const SECOND_KEY = 17

/**
 * A cheap look at a borrowed frame: true for most notifications, which carry `method` where an answer has its id. False
 * proves nothing.
 */
export function looksLikeNotification(frame: WsFrame): boolean {
  return frame.byteLength > SECOND_KEY + 1 && frame.at(SECOND_KEY) === QUOTE && frame.at(SECOND_KEY + 1) === M
}

/** What is sent for a call, as a function of its id: what `ask` takes as `frame`. */
export function jsonRpc(method: string, params: object = {}): (id: string) => string {
  return (id) => JSON.stringify({ jsonrpc: '2.0', id, method, params })
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
