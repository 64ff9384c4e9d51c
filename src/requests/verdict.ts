import type { WsOutcomeItem, WsOutcomeVerdict } from './outcome.ts'
import { WsReply } from './reply.ts'
import type { WsReplyMatch, WsReplySource } from './reply-match.ts'

/**
 * The verdict of a reply, which owns what it says; undefined when there is none (`neither`). Matches come from user
 * code: a verdict that does not exist counts as `neither`, and codes given as numbers become the text that was promised.
 */
export function verdictOf(match: WsReplyMatch, source: WsReplySource): WsOutcomeVerdict | undefined {
  switch (match.verdict) {
    case 'confirmed':
      return { kind: 'confirmed', reply: new WsReply(source.text()) }
    case 'partial':
      return { kind: 'partial', reply: new WsReply(source.text()), items: (match.items ?? []).map(itemOf) }
    case 'rejected': {
      const code = match.code === undefined ? {} : { code: String(match.code) }
      return { kind: 'rejected', reply: new WsReply(source.text()), ...code, message: String(match.message ?? '') }
    }
    case 'status-unknown':
      return { kind: 'unconfirmed', reason: 'status-unknown' }
    default:
      return undefined
  }
}

/** Codes are text here as well. */
function itemOf({ ok, code, message }: WsOutcomeItem): WsOutcomeItem {
  return {
    ok,
    ...(code === undefined || code === null ? {} : { code: String(code) }),
    ...(message === undefined || message === null ? {} : { message: String(message) }),
  }
}
