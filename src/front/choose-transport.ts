import { SharedWsError } from '../errors/errors.ts'
import { type NativeInfo, nativeInfo, nativeTransport } from '../transport/native.ts'
import type { WsTransport } from '../transport/transport.ts'
import { wsTransport } from '../transport/ws.ts'
import type { ResolvedOptions } from './resolve.ts'

/** Where transports come from; tests bring their own. */
export interface TransportSources {
  nativeInfo(): NativeInfo
  readonly native: WsTransport
  readonly ws: WsTransport
}

const SOURCES: TransportSources = { nativeInfo, native: nativeTransport, ws: wsTransport }

let warned = false

/**
 * The transport that the options name. Without an addon, `native: 'prefer'` gives `ws` and one warning in the life of
 * the process; `'require'` throws `ERR_NATIVE_UNAVAILABLE`.
 */
export function chooseTransport(
  options: Pick<ResolvedOptions, 'transport' | 'native'>,
  sources: TransportSources = SOURCES,
): WsTransport {
  const { transport, native } = options
  if (typeof transport !== 'string') return transport
  if (transport === 'ws') return sources.ws
  const info = sources.nativeInfo()
  if (info.loaded) return sources.native
  if (native === 'require') throw new SharedWsError('ERR_NATIVE_UNAVAILABLE', explain(info))
  if (!warned) {
    warned = true
    process.emitWarning('the native addon of shared-ws could not be loaded; the ws transport serves instead', {
      type: 'SharedWsWarning',
      code: 'SHARED_WS_NATIVE_UNAVAILABLE',
      detail: explain(info),
    })
  }
  return sources.ws
}

/** What the loader found, with its likely fixes. */
function explain({ reason, tried, suggestions }: NativeInfo): string {
  return [
    `the native addon could not be loaded: ${reason}`,
    ...tried.map(({ path, error }) => `  tried ${path}: ${error}`),
    'What may help:',
    ...suggestions.map((suggestion) => `  - ${suggestion}`),
  ].join('\n')
}
