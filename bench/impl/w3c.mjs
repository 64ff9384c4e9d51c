import { performance } from 'node:perf_hooks'
import { MAX_BUFFERED_BYTES } from './ws-common.mjs'

/**
 * Clients with the browser's interface (undici, Node's own). Text comes as a string whatever the case asks for; binary
 * as an ArrayBuffer.
 * @param {string} name
 * @param {(url: string) => WebSocket} create
 * @param {string} [unavailable]
 */
export function makeW3c(name, create, unavailable) {
  /** @param {string | ArrayBuffer} data */
  const firstOf = (data) => (typeof data === 'string' ? data.charCodeAt(0) : new Uint8Array(data)[0])
  /** @param {string | ArrayBuffer} data */
  const lengthOf = (data) => (typeof data === 'string' ? data.length : data.byteLength)
  /** @param {string} url */
  const begin = (url) => {
    const socket = create(url)
    socket.binaryType = 'arraybuffer'
    return socket
  }
  /** @param {Event & { error?: Error }} event */
  const errorOf = (event) => event.error ?? new Error(`${name} reports an error`)

  return {
    name,
    unavailable,

    /** @type {import('../lib/tasks.mjs').Impl['receive']} */
    receive: (url, form, tally) =>
      new Promise((resolve, reject) => {
        const socket = begin(url)
        socket.onmessage =
          form === 'json'
            ? ({ data }) => {
                if (typeof data === 'string') tally.parsed(JSON.parse(data))
                tally.add(firstOf(data), lengthOf(data), performance.now())
              }
            : ({ data }) => tally.add(firstOf(data), lengthOf(data), performance.now())
        socket.onerror = (event) => reject(errorOf(event))
        socket.onclose = () => resolve()
      }),

    /** @type {import('../lib/tasks.mjs').Impl['open']} */
    open: (url, onMessage) =>
      new Promise((resolve, reject) => {
        const socket = begin(url)
        const closed = new Promise((ended) => {
          socket.onclose = ended
        })
        socket.onmessage = ({ data }) => onMessage(firstOf(data), lengthOf(data))
        socket.onerror = (event) => reject(errorOf(event))
        socket.onopen = () =>
          resolve({
            send: (text) => socket.send(text),
            burst(texts) {
              if (socket.bufferedAmount > MAX_BUFFERED_BYTES) return 0
              for (const text of texts) socket.send(text)
              return texts.length
            },
            async close() {
              socket.close(1000)
              await closed
            },
          })
      }),
  }
}
