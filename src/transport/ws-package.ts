import { createRequire } from 'node:module'
import type { WebSocket } from 'ws'

const require = createRequire(import.meta.url)

/**
 * The client of the `ws` package, loaded on first use: whoever connects natively pays nothing for it, nor for the addons
 * that it loads where they are installed (one of them aborts the process when it is loaded into a Worker that is being
 * terminated).
 */
export function wsClient(): typeof WebSocket {
  return (require('ws') as { WebSocket: typeof WebSocket }).WebSocket
}
