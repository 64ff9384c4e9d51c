import { type Endpoint, knownEndpoint, prepareEndpoint } from '../connect/endpoint.ts'
import { WsConnectError, type WsDisconnectCause } from '../errors/disconnect-cause.ts'
import type { WsLink, WsLinkEvents } from '../transport/transport.ts'
import { transportThrew } from './causes.ts'
import type { ResolvedActorOptions } from './resolve.ts'

/**
 * One attempt: the user's functions for url, headers and subprotocols, then the transport. `onEnd` of `events` comes exactly
 * once, whatever failed, and never from inside {@link start}: whoever starts has yet to get hold of what it started.
 */
export class Attempt {
  readonly #options: ResolvedActorOptions
  readonly #events: WsLinkEvents
  readonly #preparing = new AbortController()
  #link: WsLink | undefined
  #ended = false

  constructor(options: ResolvedActorOptions, events: WsLinkEvents) {
    this.#options = options
    this.#events = events
  }

  /** Undefined while preparing. */
  get link(): WsLink | undefined {
    return this.#link
  }

  start(attempt: number): void {
    const { endpoint, timeouts } = this.#options
    const known = knownEndpoint(endpoint)
    if (known === undefined) void this.#prepare(attempt)
    else this.#connect(known, timeouts.totalMs)
  }

  /** Ends it at once; `onEnd` follows, later. */
  terminate(cause: WsDisconnectCause): void {
    if (this.#link !== undefined) this.#link.terminate(cause)
    else this.#preparing.abort(new WsConnectError(cause))
  }

  async #prepare(attempt: number): Promise<void> {
    const { endpoint, clock, timeouts } = this.#options
    const { totalMs } = timeouts
    const { signal } = this.#preparing
    const startedUs = clock.monoUs()
    try {
      // Not inside the call that started us: the user's functions may use what it has not returned yet.
      await undefined
      const known = await prepareEndpoint(endpoint, { clock, totalMs, attempt, signal })
      // Given up between the last function's answer and now.
      signal.throwIfAborted()
      const spentMs = Math.floor((clock.monoUs() - startedUs) / 1000)
      this.#connect(known, Math.max(1, totalMs - spentMs))
    } catch (error) {
      this.#end(error instanceof WsConnectError ? error.disconnectCause : transportThrew('preparation', error))
    }
  }

  #connect(endpoint: Endpoint, totalMs: number): void {
    const { tls, lookup, family, limits, timeouts, socket, perMessageDeflate, inflateBinary } = this.#options
    const { clock, random, transport } = this.#options
    const how = { tls, lookup, family, limits, socket, perMessageDeflate, inflateBinary, clock, random }
    const request = { ...endpoint, ...how, timeouts: { ...timeouts, totalMs } }
    try {
      this.#link = transport.connect(request, this.#events)
    } catch (error) {
      queueMicrotask(() => this.#end(transportThrew(`connect of transport ${transport.name}`, error)))
    }
  }

  #end(cause: WsDisconnectCause): void {
    if (this.#ended) return
    this.#ended = true
    this.#events.onEnd(cause)
  }
}
