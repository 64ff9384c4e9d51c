import { establish } from '../connect/establish.ts'
import type { WsConnectRequest } from '../connect/request.ts'
import { WsConnectError } from '../errors/disconnect-cause.ts'
import { internalError } from './end-causes.ts'
import { NodeRawLink, UNSUPPORTED_BY_NODE } from './node-raw-link.ts'
import type { WsLink, WsLinkEvents, WsTransport } from './transport.ts'
import { WsPackageLink } from './ws-link.ts'

/**
 * Frames by the `ws` package over Node's own sockets: for where the addon does not load. The upgrade is `establish()`'s,
 * as for every transport, so that a connection fails in the same words; protocol violations have the same codes too.
 * What differs from `native`:
 *
 * - A frame that `ws` has been handed and has not reported back about is `unknown`: part of it may have left.
 * - {@link WsLink.drain} reads nothing and returns false: Node has no synchronous read.
 * - permessage-deflate is ours too, on zlib's synchronous functions: see `message-deflate.ts`. A message may have 64 final
 *   blocks, and its compressed bytes may exceed `maxMessageBytes` only by what block headers take; junk behind a gzip stream
 *   that does not begin with a zero byte is `ERR_WS_BINARY_CORRUPT` and not `ERR_WS_BINARY_TRAILING`.
 * - Receive times are taken when JavaScript gets the bytes.
 * - Of the options in `socket`, Node can set `noDelay`, `keepAliveIdleMs` and `localAddress`; the others are refused.
 * - Text is judged when its message is complete, and an invalid CLOSE reason is told from invalid text by its bytes.
 */
export const wsTransport: WsTransport = {
  name: 'ws',
  unsupportedSocketOptions: UNSUPPORTED_BY_NODE,

  connect(request: WsConnectRequest, events: WsLinkEvents): WsLink {
    const link = new WsPackageLink(request, events)
    // Events run as tasks of their own: what a handler throws is its owner's uncaught exception, not a lost rejection.
    establish(NodeRawLink.open, request, link.abortSignal).then(
      (established) => queueMicrotask(() => link.established(established)),
      (error: unknown) =>
        queueMicrotask(() =>
          link.failed(
            error instanceof WsConnectError ? error.disconnectCause : internalError('connect', error as Error),
          ),
        ),
    )
    return link
  },
}
