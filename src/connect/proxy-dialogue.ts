import type { WsHttpRefusal } from '../errors/disconnect-cause.ts'

/** What is asked of a proxy. `hostname` as in URLs: IPv6 in brackets. */
export interface ProxyDestination {
  readonly hostname: string
  readonly port: number
}

/** How a proxy's answer moves things on. */
export type ProxyStep =
  | { readonly kind: 'send'; readonly bytes: Uint8Array }
  /** The way to the destination is open. `rest`: what came behind the answer. */
  | { readonly kind: 'open'; readonly rest: Uint8Array }
  /** `http` is there when the proxy answered in HTTP. */
  | { readonly kind: 'failed'; readonly code: string; readonly message: string; readonly http?: WsHttpRefusal }

/**
 * One way of asking a proxy for a connection; knows no socket and no clock. Send `opening`, then feed what comes, in chunks
 * of any size, until the first step that is not `send`.
 */
export interface ProxyDialogue {
  readonly opening: Uint8Array
  feed(chunk: Uint8Array): ProxyStep | undefined
  /**
   * Nothing more will be fed: the proxy ended the connection, or (`peerEnded` false) is not waited for any longer. A
   * failure that was being read is given as far as it came.
   */
  finish(peerEnded: boolean): Extract<ProxyStep, { kind: 'failed' }> | undefined
}
