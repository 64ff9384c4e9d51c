import { WsConfigError } from '../errors/errors.ts'
import { Checker, MAX_TIMER_MS } from '../support/check.ts'

export interface WsSendOptions {
  /** Default: strings and payload functions are sent as text, bytes as binary. */
  readonly binary?: boolean
  /** Ahead of all that is not. */
  readonly urgent?: boolean
  /**
   * How long it may wait to be sent, in ms (1 to 2^31 - 1), from this call on. What the kernel has no byte of by then is taken back
   * and never sent: an event `sends-given-up` says so, as it does when the connection ends before. Default: it waits as long as
   * its connection lives, and nobody is told if that ends first.
   */
  readonly ttlMs?: number
  /**
   * For that time it may also wait for another connection, of which there may be none yet: it is sent when that is ready, in call order,
   * before what is sent later. Needs `ttlMs`. Nothing of which a byte has left is ever sent again. For what is still true on another
   * connection and does no harm by coming late; orders belong to `ask`. Default false.
   */
  readonly acrossReconnect?: boolean
}

/** Those of a send with a time-to-live. */
export type TimedSendOptions = WsSendOptions & { readonly ttlMs: number }

/** True: with a time-to-live. Throws `WsConfigError` with every mistake. */
export function checkSend(call: string, options: WsSendOptions | undefined): options is TimedSendOptions {
  if (options === undefined) return false
  const check = new Checker()
  const given = check.object(call, options, ['binary', 'urgent', 'ttlMs', 'acrossReconnect']) ?? {}
  check.boolean(`${call}.binary`, given.binary, false)
  check.boolean(`${call}.urgent`, given.urgent, false)
  check.integer(`${call}.ttlMs`, given.ttlMs, 1, MAX_TIMER_MS, 1)
  const isAcross = check.boolean(`${call}.acrossReconnect`, given.acrossReconnect, false)
  if (isAcross && given.ttlMs === undefined) {
    check.add(
      `${call}.acrossReconnect`,
      `needs ${call}.ttlMs: for how long may it still be sent on another connection?`,
    )
  }
  if (check.problems.length > 0) throw new WsConfigError(check.problems)
  return given.ttlMs !== undefined
}
