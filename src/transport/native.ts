import { establish } from '../connect/establish.ts'
import type { RawLinkOpener } from '../connect/raw-link.ts'
import type { WsConnectRequest } from '../connect/request.ts'
import { DEFAULT_TIMESTAMP_SOURCE } from '../connect/timestamp-source.ts'
import { WsConnectError } from '../errors/disconnect-cause.ts'
import { SharedWsError } from '../errors/errors.ts'
import { loadNative } from '../native/load.ts'
import { internalError } from './end-causes.ts'
import { NativeLink } from './native-link.ts'
import { NativeLoop } from './native-loop.ts'
import { NativeRawLink } from './native-raw-link.ts'
import type { WsLink, WsLinkEvents, WsTransport } from './transport.ts'

export { type NativeInfo, nativeInfo } from '../native/load.ts'

let loop: NativeLoop | undefined

/** This environment's loop: the addon allows one, which lives until the environment ends. */
function nativeLoop(): NativeLoop {
  if (loop === undefined) {
    const { addon, info } = loadNative()
    if (addon === undefined) {
      throw new SharedWsError('ERR_NATIVE_UNAVAILABLE', [info.reason, ...info.suggestions].join('\n  - '))
    }
    loop = new NativeLoop(addon)
  }
  return loop
}

/**
 * Links of the addon: C++ owns the socket, decrypts, decodes and validates, and hands over whole messages in batches.
 * `connect` throws `ERR_NATIVE_UNAVAILABLE` where the addon does not load; `nativeInfo()` tells why.
 */
export const nativeTransport: WsTransport = {
  name: 'native',
  timestampSources: ['callback', 'kernel'],

  connect(request: WsConnectRequest, events: WsLinkEvents): WsLink {
    const loop = nativeLoop()
    const { timestampSource = DEFAULT_TIMESTAMP_SOURCE } = request
    const { maxLinkBytes } = request.limits
    const open: RawLinkOpener<NativeRawLink> = (address, port, { socket, signal }) =>
      NativeRawLink.open(loop, { address, port, socket, timestampSource, maxLinkBytes }, signal)
    const link = new NativeLink(loop, request, events)
    // Events run as tasks of their own: what a handler throws is its owner's uncaught exception, not a lost rejection.
    establish(open, request, link.abortSignal).then(
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
