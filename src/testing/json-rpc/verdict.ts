import { WsReply } from '../../requests/reply.ts'
import type { WsReplyMatch } from '../../requests/reply-match.ts'
import { isObject } from './frames.ts'

/** Errors that ask to slow down: too many requests, concurrent ones, a full matching queue, and one with its own wait. */
const RATE_LIMIT_CODES = ['10028', '10066', '10047', '12998']

/**
 * What an answer says: `result` confirms, `error` rejects, its code as text. Undefined for what is no answer: no JSON, no
 * id, or a call or notification of the server. Codes in `statusUnknown` say that the venue does not know.
 */
export function matchAnswer(text: string, statusUnknown: ReadonlySet<string>): WsReplyMatch | undefined {
  let answer: unknown
  try {
    answer = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isObject(answer) || answer['method'] !== undefined) return undefined
  const { id, result, error } = answer
  if (typeof id !== 'string' && typeof id !== 'number') return undefined
  // A long integer has lost digits in JSON.parse; its text has not.
  const requestId = typeof id === 'string' ? id : (new WsReply(text).field('id') as string)
  if (isObject(error)) {
    const code = typeof error['code'] === 'string' ? error['code'] : new WsReply(text).field('error.code')
    const message = typeof error['message'] === 'string' ? error['message'] : ''
    const feedback = rateLimitFeedback(code, message, error['data'])
    const said = { requestId, message, ...(code === undefined ? {} : { code }), ...feedback }
    return { ...said, verdict: code !== undefined && statusUnknown.has(code) ? 'status-unknown' : 'rejected' }
  }
  return { requestId, verdict: result === undefined ? 'neither' : 'confirmed' }
}

function rateLimitFeedback(
  code: string | undefined,
  message: string,
  data: unknown,
): Pick<WsReplyMatch, 'rateLimitFeedback'> {
  if (code === undefined || !RATE_LIMIT_CODES.includes(code)) return {}
  const wait = isObject(data) ? data['wait'] : undefined
  const known = typeof wait === 'number' && wait >= 0 && Number.isFinite(wait)
  return { rateLimitFeedback: { hint: message, ...(known ? { retryAfterMs: wait * 1000 } : {}) } }
}
