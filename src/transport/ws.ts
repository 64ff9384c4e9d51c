import { establish } from '../connect/establish.ts'
import { RawLinkError, type RawLinkOpener } from '../connect/raw-link.ts'
import type { WsConnectRequest } from '../connect/request.ts'
import { cannotBeTold } from '../connect/timestamp-source.ts'
import { WsConnectError } from '../errors/disconnect-cause.ts'
import { internalError } from './end-causes.ts'
import { NodeRawLink, UNSUPPORTED_BY_NODE } from './node-raw-link.ts'
import type { WsLink, WsLinkEvents, WsTransport } from './transport.ts'
import { WsPackageLink } from './ws-link.ts'

const TIMESTAMP_SOURCES = ['callback'] as const

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
 * - Receive times are taken when JavaScript gets the bytes (`read`) or the messages (`callback`); the kernel's are not to be had.
 * - Of the options in `socket`, Node can set `noDelay`, `keepAliveIdleMs` and `localAddress`; the others are refused.
 * - Text is judged when its message is complete, and an invalid CLOSE reason is told from invalid text by its bytes.
 */
export const wsTransport: WsTransport = {
  name: 'ws',
  unsupportedSocketOptions: UNSUPPORTED_BY_NODE,
  timestampSources: TIMESTAMP_SOURCES,

  connect(request: WsConnectRequest, events: WsLinkEvents): WsLink {
    const link = new WsPackageLink(request, events)
    // Events run as tasks of their own: what a handler throws is its owner's uncaught exception, not a lost rejection.
    establish(opener(request), request, link.abortSignal).then(
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

/** Nobody may have checked the request. */
function opener({ timestampSource = 'read' }: WsConnectRequest): RawLinkOpener<NodeRawLink> {
  const problem = cannotBeTold(timestampSource, 'ws', TIMESTAMP_SOURCES)
  if (problem === undefined) return NodeRawLink.open
  return async () => {
    throw new RawLinkError('ERR_SOCKET_OPTION', `timestampSource: ${problem}`)
  }
}
