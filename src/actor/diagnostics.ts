import { channel } from 'node:diagnostics_channel'
import { redactUrl } from '../support/redact.ts'
import type { ResolvedActorOptions } from './resolve.ts'
import type { WsStatusEvent } from './status.ts'

/** What subscribers of `shared-ws:status` get. No payload and no credential is in it. */
export interface WsStatusDiagnostics {
  /** The actor's: 1, 2, … in the order in which actors of this thread first had something to tell. */
  readonly actor: number
  /** Without query and credentials; '' where the url is a function. */
  readonly url: string
  readonly transport: string
  readonly event: WsStatusEvent
}

const status = channel('shared-ws:status')
const ids = new WeakMap<ResolvedActorOptions, number>()
let lastId = 0

/** Costs a comparison while nobody has subscribed. What a subscriber throws is its own, as Node has it. */
export function publishStatus(options: ResolvedActorOptions, event: WsStatusEvent): void {
  if (!status.hasSubscribers) return
  let actor = ids.get(options)
  if (actor === undefined) {
    actor = ++lastId
    ids.set(options, actor)
  }
  const { endpoint, transport } = options
  const url = typeof endpoint.url === 'function' ? '' : redactUrl(endpoint.url.url)
  const message: WsStatusDiagnostics = { actor, url, transport: transport.name, event }
  status.publish(message)
}
