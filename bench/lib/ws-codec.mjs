// ws's receiver and sender alone, without a socket.
import { EventEmitter } from 'node:events'
import { Window } from './tally.mjs'

const READ_BYTES = 256 * 1024

/**
 * @param {number} size
 * @param {number} count
 */
function framesOf(size, count) {
  const head =
    size < 126
      ? Buffer.from([0x81, size])
      : size < 65536
        ? Buffer.from([0x81, 126, size >> 8, size & 255])
        : Buffer.from([0x81, 127, 0, 0, 0, 0, 0, (size >> 16) & 255, (size >> 8) & 255, size & 255])
  const frame = Buffer.concat([head, Buffer.alloc(size, 'x')])
  return Buffer.concat(Array.from({ length: count }, () => frame))
}

/** @param {Record<string, string>} fields */
export async function codec(fields) {
  const { Receiver, Sender } = /** @type {any} */ (await import('ws'))
  const [size, n, warm] = [Number(fields['size']), Number(fields['n']), Number(fields['warm'])]
  const window = new Window()
  let count = 0
  let sum = 0
  if (fields['op'] === 'decode') {
    const each = Math.max(1, Math.floor(READ_BYTES / (size + 14)))
    const chunk = framesOf(size, each)
    const receiver = new Receiver({ isServer: false, maxPayload: 1 << 20 })
    receiver.on('message', (/** @type {Buffer} */ data) => {
      sum += data[0] + data.length
      count++
    })
    let started = false
    while (count < warm + n) {
      if (!started && count >= warm) {
        started = true
        window.start()
      }
      const before = count
      receiver.write(chunk)
      if (count !== before + each) throw new Error('the receiver did not finish its chunk')
    }
    window.end()
    // Whole chunks: a few frames more than asked for are in the window.
    return { n: count - warm, count, sum, cpuNs: window.cpuNs, wallNs: window.wallNs }
  }
  const socket = Object.assign(new EventEmitter(), { cork() {}, uncork() {}, write: () => true })
  const sender = new Sender(socket, {})
  const text = Buffer.alloc(size, 'x')
  const options = { binary: false, mask: true, compress: false, fin: true }
  for (; count < warm + n; count++) {
    if (count === warm) window.start()
    sender.send(text, options)
  }
  window.end()
  return { n, count, sum, cpuNs: window.cpuNs, wallNs: window.wallNs }
}
