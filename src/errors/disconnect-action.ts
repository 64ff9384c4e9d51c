/** What follows a disconnect. */
export type WsDisconnectAction =
  /**
   * The next attempt begins now. Granted once until a connection has proven healthy; further ones back off, so that a
   * server that drops every connection is not hammered.
   */
  | { readonly kind: 'immediate-reconnect' }
  /**
   * After the delay that the reconnect strategy gives, and not before `minDelayMs` (default 0) and a time drawn evenly from 0 to
   * `jitterMs` (default 0), so that processes that were refused together do not come back together. `hostWide`: until then nobody
   * who shares the connect budget connects to this host either; it has refused our address, not this actor. `alarm`: somebody
   * should look at it, because it will happen again; told as an event of that name.
   */
  | {
      readonly kind: 'backoff-reconnect'
      readonly minDelayMs?: number
      readonly jitterMs?: number
      readonly hostWide?: boolean
      readonly alarm?: boolean
    }
  /** The actor stops. `reason` is for people and ends up in `closed()`. */
  | { readonly kind: 'abort'; readonly reason: string }
