// What the Node servers share; see README.md.
import { createServer } from 'node:net'

export const SUBPROTOCOL = 'interop.v2'
/** More than the largest message; some libraries stop at 16 KiB unless told. */
export const MAX_BYTES = 64 * 1024 * 1024
export const deflate = process.argv.includes('--deflate')

export const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)
export const clientOf = (url) => new URL(url, 'ws://server').searchParams.get('client')

/** For libraries that cannot tell which port they were given. */
export function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
}

/** Splits a command from its words; undefined for what is to be echoed. */
export function commandOf(text) {
  if (!text.startsWith('!')) return undefined
  const [name, ...words] = text.slice(1).split(' ')
  return { name, words }
}

export function* fragments(size, total) {
  for (let from = 0; from < total; from += size) {
    const bytes = Buffer.alloc(Math.min(size, total - from))
    for (let i = 0; i < bytes.length; i++) bytes[i] = (from + i) % 251
    yield { bytes, first: from === 0, last: from + size >= total }
  }
}

process.stdin.on('end', () => process.exit(0)).resume()
