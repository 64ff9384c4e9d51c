import { toError } from './causes.ts'
import { publishStatus } from './diagnostics.ts'
import type { Hooks } from './hooks.ts'
import { RecentErrors, type WsRecentError } from './recent-errors.ts'
import type { ResolvedActorOptions } from './resolve.ts'
import type { WsStatusEvent } from './status.ts'
import { StatusFeed } from './status-feed.ts'

/** A status event without what every one of them has. */
export type StatusNews = WsStatusEvent extends infer S
  ? S extends WsStatusEvent
    ? Omit<S, 'atUs' | 'connection'>
    : never
  : never

/** What is told of an actor, and to whom: iterators, `diagnostics_channel`, the callback, and the memory of `stats()`. */
export class Telling {
  readonly feed = new StatusFeed()
  readonly errors = new RecentErrors()
  readonly #options: ResolvedActorOptions
  readonly #connection: () => number
  /** The last that has ended: by then `#connection` is about the next one. */
  #endedConnection = 0

  constructor(options: ResolvedActorOptions, connection: () => number) {
    this.#options = options
    this.#connection = connection
  }

  status(news: StatusNews, hooks: Hooks): void {
    const { clock, callbacks } = this.#options
    const isAboutEnd = news.kind === 'alarm' || news.kind === 'cooling-down'
    const connection = isAboutEnd ? this.#endedConnection : this.#connection()
    if (news.kind === 'disconnected') this.#endedConnection = connection
    const event = { ...news, atUs: clock.epochUs(), connection } as WsStatusEvent
    this.feed.push(event)
    publishStatus(this.#options, event)
    hooks.notify('onStatus', callbacks.onStatus, event)
  }

  /** An error of user code. */
  rememberThrown(hook: string, error: unknown): void {
    this.remember('hook-failed', 'ERR_CALLBACK_THREW', `${hook}: ${toError(error).message}`)
  }

  remember(kind: WsRecentError['kind'], code: string, message: string): void {
    const { clock } = this.#options
    this.errors.add({ atUs: clock.epochUs(), connection: this.#connection(), kind, code, message })
  }
}
