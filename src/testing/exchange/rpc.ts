/** JSON-RPC 2.0 as Deribit speaks it: one object per text frame, an id always, no batches, no positional parameters. */

export interface RpcCall {
  readonly id: string | number
  readonly method: string
  readonly params: Readonly<Record<string, unknown>>
}

export interface RpcError {
  readonly code: number
  readonly message: string
  readonly data?: object
}

export type RpcAnswer = { readonly result: unknown } | { readonly error: RpcError }

export const PARSE_ERROR: RpcError = { code: -32_700, message: 'Parse error' }
export const METHOD_NOT_FOUND: RpcError = { code: -32_601, message: 'Method not found' }
export const UNAUTHORIZED: RpcError = { code: 13_009, message: 'unauthorized' }
export const INVALID_CREDENTIALS: RpcError = { code: 13_004, message: 'invalid_credentials' }
export const NOT_ENOUGH_FUNDS: RpcError = { code: 10_009, message: 'not_enough_funds' }
export const ORDER_NOT_FOUND: RpcError = { code: 10_004, message: 'order_not_found' }
export const NOT_OPEN_ORDER: RpcError = { code: 11_044, message: 'not_open_order' }

export function tooManyRequests(waitSeconds: number): RpcError {
  return { code: 10_028, message: 'too_many_requests', data: { wait: waitSeconds } }
}

export function invalidParams(param: string, reason: string): RpcError {
  return { code: -32_602, message: 'Invalid params', data: { param, reason } }
}

function invalidRequest(reason: string): RpcError {
  return { code: -32_600, message: 'Invalid request', data: { reason } }
}

/** What a frame asks. `id` is there as far as it could be read, for the answer and the log. */
export type RpcInput =
  | { readonly ok: true; readonly call: RpcCall }
  | { readonly ok: false; readonly id: string | number | null; readonly error: RpcError }

export function readCall(text: string): RpcInput {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { ok: false, id: null, error: PARSE_ERROR }
  }
  if (!isObject(value)) return { ok: false, id: null, error: invalidRequest('one JSON object per frame') }
  const { id, method, params = {} } = value
  // An integer beyond 2^53 could not be echoed as it came.
  if (typeof id !== 'string' && !Number.isSafeInteger(id)) {
    return { ok: false, id: null, error: invalidRequest('id must be a string or an integer') }
  }
  const known = id as string | number
  if (typeof method !== 'string') return { ok: false, id: known, error: invalidRequest('method must be a string') }
  if (!isObject(params)) return { ok: false, id: known, error: invalidParams('params', 'must be an object') }
  return { ok: true, call: { id: known, method, params } }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function notification(channel: string, data: object): string {
  return `{"jsonrpc":"2.0","method":"subscription","params":{"channel":${JSON.stringify(channel)},"data":${JSON.stringify(data)}}}`
}

/** The id, method and label in the beginning of a frame that never came whole, as far as they had come. */
export function readBeginning(text: string): { id?: string; method?: string; label?: string } {
  const find = (pattern: RegExp): string | undefined => {
    const [, quoted, bare] = pattern.exec(text) ?? []
    return quoted ?? bare
  }
  const id = find(/"id"\s*:\s*(?:"([^"\\]*)"|(\d+)(?=[,}\s]))/)
  const method = find(/"method"\s*:\s*"([^"\\]*)"/)
  const label = find(/"label"\s*:\s*"([^"\\]*)"/)
  return {
    ...(id === undefined ? {} : { id }),
    ...(method === undefined ? {} : { method }),
    ...(label === undefined ? {} : { label }),
  }
}
