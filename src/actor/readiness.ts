import type { WsOpenInfo } from '../transport/transport.ts'
import { type Deferred, deferred } from './promises.ts'

/** What `ready()` waits for: the next moment from which on asks are accepted, or the end. */
export class Readiness {
  readonly #accepting: () => WsOpenInfo | undefined
  /** Undefined while nobody waits for it. */
  #next: Deferred<WsOpenInfo> | undefined

  /** `accepting`: the connection that takes asks now; undefined without one. */
  constructor(accepting: () => WsOpenInfo | undefined) {
    this.#accepting = accepting
  }

  /** `over`: why there will be no such moment; undefined as long as there may be. */
  wait(over: () => { readonly reason: unknown } | undefined): Promise<WsOpenInfo> {
    const ended = over()
    const info = this.#accepting()
    // Of a connection that is on its way out, or authenticates anew: who asks now waits for what comes after that.
    if (this.#next?.settled && ended === undefined && info === undefined) this.#next = undefined
    this.#next ??= deferred()
    if (ended !== undefined) this.#next.reject(ended.reason)
    else if (info !== undefined) this.#next.resolve(info)
    return this.#next.promise
  }

  /** Asks may have come to be accepted. */
  look(): void {
    const info = this.#next === undefined ? undefined : this.#accepting()
    if (info !== undefined) this.#next?.resolve(info)
  }

  /** Whoever waits from now on waits for the next connection. */
  connectionEnded(): void {
    if (this.#next?.settled) this.#next = undefined
  }

  ended(reason: () => unknown): void {
    if (this.#next?.settled === false) this.#next.reject(reason())
  }
}
