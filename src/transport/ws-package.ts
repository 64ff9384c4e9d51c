import { createRequire } from 'node:module'
import type { WebSocket } from 'ws'

/**
 * Frames of a message, and pieces in which they are read: `ws` keeps an object for each, so that a limit in bytes alone would
 * not bound its memory. A message of 16 MiB may come in fragments of 64 bytes, as Autobahn sends it, each read by itself.
 */
export const MAX_WS_MESSAGE_PARTS = 512 * 1024

/** `ws` takes its limit as a signed 32-bit number. */
export const MAX_WS_MESSAGE_BYTES = 2 ** 31 - 1

const require = createRequire(import.meta.url)

/**
 * The client of the `ws` package, loaded on first use: whoever connects natively pays nothing for it, nor for the addons
 * that it loads where they are installed (one of them aborts the process when it is loaded into a Worker that is being
 * terminated).
 */
export function wsClient(): typeof WebSocket {
  return (require('ws') as { WebSocket: typeof WebSocket }).WebSocket
}

export function wsOptions(maxMessageBytes: number): WebSocket.ClientOptions & { closeTimeout: number } {
  return {
    // Ours, too: what `ws` does is asynchronous, so that messages would come behind a CLOSE or a violation after them.
    perMessageDeflate: false,
    followRedirects: false,
    skipUTF8Validation: false,
    // Ours, so that they are bounded and the owner hears of the ping behind its pong.
    autoPong: false,
    maxPayload: maxMessageBytes,
    // Ours: it would answer with 1008.
    maxFragments: 0,
    maxBufferedChunks: 0,
    // Deadlines are ours, on the request's clock.
    closeTimeout: 2 ** 31 - 1,
  }
}
