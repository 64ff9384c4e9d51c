import { type Endpoint, knownEndpoint, prepareEndpoint } from '../connect/endpoint.ts'
import { rotatedLookup } from '../connect/rotated-lookup.ts'
import { WsConnectError, type WsDisconnectCause } from '../errors/disconnect-cause.ts'
import type { WsLink, WsLinkEvents } from '../transport/transport.ts'
import type { Admission, Held } from './admission.ts'
import { transportFollowsNoTopics, transportThrew } from './causes.ts'
import type { ResolvedActorOptions } from './resolve.ts'

/** What attempts of one actor have in common. */
export interface AttemptContext {
  readonly options: ResolvedActorOptions
  readonly admission: Admission
  /** The last host that was connected to: of a url that is a function it is all that is known beforehand. */
  lastHost: string | undefined
  readonly onHeld: (held: Held) => void
}

/**
 * One attempt: admission, the user's functions for url, headers and subprotocols, then the transport. `onEnd` of `events` comes exactly
 * once, whatever failed, and never from inside {@link start}: whoever starts has yet to get hold of what it started.
 */
export class Attempt {
  readonly #context: AttemptContext
  readonly #options: ResolvedActorOptions
  readonly #events: WsLinkEvents
  readonly #preparing = new AbortController()
  #link: WsLink | undefined
  #ended = false
  /** Attempts before this one, since a connection last proved healthy. */
  #failedBefore = 0

  constructor(context: AttemptContext, events: WsLinkEvents) {
    this.#context = context
    this.#options = context.options
    this.#events = events
  }

  /** Undefined while preparing. */
  get link(): WsLink | undefined {
    return this.#link
  }

  start(attempt: number): void {
    this.#failedBefore = attempt - 1
    const { endpoint, timeouts } = this.#options
    const known = knownEndpoint(endpoint)
    if (known === undefined) {
      void this.#begin(() => this.#prepare(attempt))
      return
    }
    let held: Held | undefined
    try {
      held = this.#enter(known.url.hostname)
    } catch (error) {
      queueMicrotask(() => this.#end(transportThrew('admission', error)))
      return
    }
    if (held === undefined) this.#connect(known, timeouts.totalMs)
    else
      void this.#begin(async () => {
        await this.#wait(held, () => this.#enter(held.host))
        // Given up between the end of the wait and now.
        this.#preparing.signal.throwIfAborted()
        this.#connect(known, timeouts.totalMs)
      })
  }

  /** Ends it at once; `onEnd` follows, later. */
  terminate(cause: WsDisconnectCause): void {
    if (this.#link !== undefined) this.#link.terminate(cause)
    else this.#preparing.abort(new WsConnectError(cause))
  }

  async #begin(run: () => Promise<void>): Promise<void> {
    try {
      // Not inside the call that started us: the user's functions may use what it has not returned yet.
      await undefined
      await run()
    } catch (error) {
      this.#end(error instanceof WsConnectError ? error.disconnectCause : transportThrew('preparation', error))
    }
  }

  /** What a wait for admission may have made stale (credentials, a token in the url) is asked for anew after it. */
  async #prepare(attempt: number): Promise<void> {
    const { endpoint, clock, timeouts } = this.#options
    const { totalMs } = timeouts
    const { signal } = this.#preparing
    const { admission } = this.#context
    for (;;) {
      const { lastHost } = this.#context
      const held = lastHost === undefined ? undefined : admission.look(lastHost)
      if (held !== undefined) await this.#wait(held, () => admission.look(held.host))
      const startedUs = clock.monoUs()
      const known = await prepareEndpoint(endpoint, { clock, totalMs, attempt, signal })
      // Given up between the last function's answer and now.
      signal.throwIfAborted()
      // Counted only now: the venue counts connects, and the functions may have taken as long as they liked.
      if (this.#enter(known.url.hostname) !== undefined) continue
      const spentMs = Math.floor((clock.monoUs() - startedUs) / 1000)
      this.#connect(known, Math.max(1, totalMs - spentMs))
      return
    }
  }

  #enter(host: string): Held | undefined {
    this.#context.lastHost = host
    return this.#context.admission.enter(host)
  }

  async #wait(held: Held, ask: () => Held | undefined): Promise<void> {
    const { admission, onHeld } = this.#context
    await admission.wait(held, ask, this.#preparing.signal, onHeld)
  }

  #connect(endpoint: Endpoint, totalMs: number): void {
    const { tls, lookup, family, limits, timeouts, socket, perMessageDeflate, inflateBinary, plan } = this.#options
    const { timestampSource, clock, random, transport } = this.#options
    try {
      this.#link = transport.connect(
        {
          url: endpoint.url,
          headers: endpoint.headers,
          subprotocols: endpoint.subprotocols,
          proxy: endpoint.proxy,
          tls,
          lookup: rotatedLookup(lookup, this.#failedBefore),
          family,
          limits,
          timeouts: totalMs === timeouts.totalMs ? timeouts : { ...timeouts, totalMs },
          socket,
          timestampSource,
          perMessageDeflate,
          inflateBinary,
          plan,
          clock,
          random,
        },
        this.#events,
      )
      if (plan?.topic !== undefined && !followsTopics(this.#link)) {
        this.#link.terminate(transportFollowsNoTopics(transport.name))
      }
      // Given up by user code that the transport has called meanwhile, when there was no link yet to be ended.
      const { signal } = this.#preparing
      if (signal.aborted) this.#link.terminate((signal.reason as WsConnectError).disconnectCause)
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

/** Transports may be anybody's, and older than plans. */
function followsTopics(link: Partial<WsLink>): boolean {
  return [link.watchTopic, link.unwatchTopic, link.armTopic, link.topicSeenUs].every(
    (call) => typeof call === 'function',
  )
}
