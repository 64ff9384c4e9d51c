import { RawLinkError } from '../connect/raw-link.ts'
import type { PreparedTls } from '../connect/tls.ts'
import type { NativeAddon, NativeTlsContext } from '../native/addon.ts'

const MAX_CONTEXTS = 16
const contexts = new Map<string, NativeTlsContext>()

/** The context for a configuration. One with the default roots takes tens of ms to make, so they are kept and shared. */
export function nativeTlsContext(addon: NativeAddon, tls: PreparedTls): NativeTlsContext {
  const kept = contexts.get(tls.contextKey)
  if (kept !== undefined) {
    // Last used, last dropped.
    contexts.delete(tls.contextKey)
    contexts.set(tls.contextKey, kept)
    return kept
  }
  let made: NativeTlsContext
  try {
    made = addon.createTlsContext(tls)
  } catch (error) {
    throw new RawLinkError('ERR_TLS_CONFIG', (error as Error).message)
  }
  if (contexts.size === MAX_CONTEXTS) contexts.delete(contexts.keys().next().value as string)
  contexts.set(tls.contextKey, made)
  return made
}
