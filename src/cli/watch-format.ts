import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'
import type { WsEvent, WsMessage } from '../front/events.ts'
import { redactUrl } from '../support/redact.ts'
import { isCertificateCode } from '../transport/certificate-codes.ts'
import { hex, type InflatedPayload, oneLine } from './payload.ts'
import type { WatchSummary } from './watch-tally.ts'

/** What is the same for all lines of one run. */
export interface WatchContext {
  /** As the user gave it; what is printed is without query and credentials. */
  readonly url: string
  readonly transport: string
}

/** How `watch` shows what happens. Each method returns whole lines. */
export interface WatchFormat {
  /** Messages and the summary go to stdout; whether everything else does too. */
  readonly remarksOnStdout: boolean
  message(message: WsMessage, inflated: InflatedPayload | undefined): string
  event(event: Exclude<WsEvent, WsMessage>, context: WatchContext): string
  sent(text: string, result: string): string
  summary(summary: WatchSummary, context: WatchContext): string
}

export const jsonFormat: WatchFormat = {
  remarksOnStdout: true,
  message(message, inflated) {
    const { connection, receivedAtUs, isText, byteLength } = message
    const base = { kind: 'message', connection, receivedAtUs: round(receivedAtUs), isText, byteLength }
    if (isText) return line({ ...base, text: message.text() })
    return line({ ...base, base64: Buffer.from(message.bytes()).toString('base64'), ...asJson(inflated) })
  },
  event(event, { url, transport }) {
    if (event.kind === 'connected') {
      const { kind, connection, atUs, info } = event
      const { remoteAddress, remotePort, subprotocol, perMessageDeflate, responseHeaders, tls } = info
      const server = { remoteAddress, remotePort, subprotocol, perMessageDeflate, responseHeaders, tls }
      return line({ kind, atUs: round(atUs), connection, url: redactUrl(url), transport, ...server })
    }
    if (event.kind === 'disconnected') {
      const { kind, connection, atUs, cause } = event
      return line({ kind, connection, atUs: round(atUs), cause: withoutError(cause) })
    }
    return line(event)
  },
  sent: (text, result) => line({ kind: 'sent', text, result }),
  summary: (summary, { url, transport }) =>
    line({ kind: 'summary', url: redactUrl(url), transport, ...summary, cause: withoutError(summary.cause) }),
}

export const humanFormat: WatchFormat = {
  remarksOnStdout: false,
  message(message, inflated) {
    const time = new Date(message.receivedAtUs / 1000).toISOString().slice(11, 23)
    const us = String(Math.floor(message.receivedAtUs % 1000)).padStart(3, '0')
    return `${time}${us} ${content(message, inflated)}\n`
  },
  event(event, { url, transport }) {
    switch (event.kind) {
      case 'connected': {
        const { remoteAddress, remotePort, subprotocol, perMessageDeflate, tls } = event.info
        const security =
          tls === undefined ? '' : `, ${tls.protocol} ${tls.cipher}${tls.authorized ? '' : ', UNVERIFIED'}`
        const protocol = subprotocol === '' ? '' : `, subprotocol ${subprotocol}`
        const extension = perMessageDeflate === undefined ? '' : ', permessage-deflate'
        const how = `${transport}${security}${protocol}${extension}`
        return `connected to ${redactUrl(url)} at ${remoteAddress}:${remotePort} by ${how}\n`
      }
      case 'gap':
        return `gap, messages lost: ${event.messages ?? 'unknown'}: ${oneLine(event.cause.message)} (${event.cause.code})\n`
      case 'backpressure':
        return event.paused ? 'reading pauses: the output is slower than the server\n' : 'reading goes on\n'
      default:
        // One attempt, without subscriptions or a session: nothing else happens but the end, of which the summary tells.
        return ''
    }
  },
  sent: (text, result) =>
    `${result === 'taken' || result === 'queued' ? 'sent' : `NOT sent (${result})`} ${oneLine(text)}\n`,
  summary(s, { url, transport }) {
    const lines = [
      `--- ${redactUrl(url)} by ${transport}: ${ending(s.cause)}`,
      `${s.messages} messages (${s.text} text, ${s.binary} binary), ${s.bytes} bytes, largest ${s.largestBytes}`,
      `${(s.durationMs / 1000).toFixed(3)} s open: ${s.messagesPerSecond} messages/s, ${s.bytesPerSecond} bytes/s`,
    ]
    if (s.gaps > 0) lines.push(`gaps: ${s.gaps}, messages known lost: ${s.lostMessages}`)
    if (s.rttUs !== undefined) {
      const { median, min, max, n } = s.rttUs
      lines.push(`round trip: median ${ms(median)} ms (${ms(min)} to ${ms(max)}, pings answered: ${n})`)
    }
    if (s.payloadAgeUs !== undefined) {
      const { field, unit, median, min, max, n } = s.payloadAgeUs
      const range = `${ms(min)} to ${ms(max)}, messages: ${n}`
      lines.push(`payload age: median ${ms(median)} ms (${range}), by "${field}" in ${unit}, clock difference included`)
    }
    return `${lines.join('\n')}\n`
  },
}

/** For stderr: all that is known about why no connection came about, or why it broke. */
export function failureText(cause: WsDisconnectCause, url: string): string {
  // Causes of a failed attempt name the URL themselves, and mostly the code.
  const where = cause.kind === 'handshake-failed' ? '' : `lost the connection to ${redactUrl(url)}: `
  const code = cause.message.includes(cause.code) ? '' : ` (${cause.code})`
  const lines = [`shared-ws watch: ${where}${oneLine(cause.message)}${code}`]
  if (cause.kind === 'handshake-failed' && isCertificateCode(cause.code)) {
    lines.push('  options: --ca FILE names certificates to trust; --insecure accepts any, for tests only')
  }
  if (cause.kind === 'handshake-failed' && cause.http !== undefined) {
    const { status, statusText, body, bodyTruncated } = cause.http
    lines.push(`  HTTP ${status} ${oneLine(statusText)}`)
    const excerpt = body.slice(0, 1000)
    const more = bodyTruncated || excerpt.length < body.length ? '…' : ''
    if (excerpt !== '') lines.push(`  body: ${oneLine(excerpt)}${more}`)
  }
  return `${lines.join('\n')}\n`
}

/** Whether the end is one that the user did not want: it sets the exit code. */
export function isFailure(cause: WsDisconnectCause): boolean {
  return cause.kind !== 'local-stop' && !(cause.kind === 'remote-closed' && cause.clean)
}

function content(message: WsMessage, inflated: InflatedPayload | undefined): string {
  if (message.isText) return oneLine(message.text())
  if (inflated === undefined) return `<binary ${message.byteLength} bytes> ${hex(message.bytes())}`
  return `<binary ${message.byteLength} bytes, ${inflated.encoding}> ${oneLine(inflated.text)}`
}

function ending(cause: WsDisconnectCause): string {
  if (cause.kind === 'remote-closed' && cause.clean) {
    const reason = cause.closeReason === '' ? '' : ` ${JSON.stringify(cause.closeReason)}`
    return `closed by the server, ${cause.closeCode}${oneLine(reason)}`
  }
  return cause.kind === 'local-stop' ? 'closed by us' : `${oneLine(cause.message)} (${cause.code})`
}

function asJson(inflated: InflatedPayload | undefined): object {
  return inflated === undefined ? {} : { encoding: inflated.encoding, inflated: inflated.text }
}

/** An `Error` is `{}` in JSON; what it says is in `message` and `code` already. */
function withoutError(cause: WsDisconnectCause): object {
  const { error: _, ...rest } = { error: undefined, ...cause }
  return rest
}

function line(value: object): string {
  return `${JSON.stringify(value)}\n`
}

function round(us: number): number {
  return Math.round(us)
}

function ms(us: number): string {
  return (us / 1000).toFixed(3)
}
