import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Writable } from 'node:stream'
import { type Receipt, ReceiptLog, type ReceiverOptions } from './receipt.ts'

/** What `ws` has inside, as far as it is used here. */
interface PerMessageDeflate {
  params: Record<string, unknown>
  cleanup(): void
}
interface Internals {
  readonly Receiver: new (options: object) => Writable
  readonly PerMessageDeflate: new (options: object) => PerMessageDeflate
  readonly kStatusCode: symbol
}

const internals = load()

/** The package's receiver alone, without a socket: as `new WebSocket()` sets it up, with synchronous events. */
export async function wsReceive(chunks: readonly Uint8Array[], options: ReceiverOptions): Promise<Receipt> {
  const { Receiver, kStatusCode } = internals
  const deflate = deflateOf(options)
  const receiver = new Receiver({
    allowSynchronousEvents: true,
    extensions: deflate === undefined ? {} : { 'permessage-deflate': deflate },
    isServer: false,
    maxPayload: options.maxMessageBytes,
  })
  const log = new ReceiptLog()
  let closed = false
  let failure: Error | undefined
  receiver.on('message', (data: Buffer, binary: boolean) => log.message(data, binary))
  receiver.on('ping', (data: Buffer) => log.ping(data))
  receiver.on('pong', (data: Buffer) => log.pong(data))
  receiver.on('conclude', (code: number, reason: Buffer) => {
    closed = true
    log.close(code, reason)
  })
  receiver.on('error', (error) => {
    failure = error
  })
  for (const chunk of chunks) {
    if (closed || failure !== undefined) break
    // A copy: it keeps views of what it was given.
    await new Promise<void>((resolve) => {
      receiver.write(Buffer.from(chunk), () => resolve())
    })
  }
  receiver.destroy()
  deflate?.cleanup()
  if (failure === undefined) return { log: log.text, end: closed ? 'close' : 'open', closeCode: undefined, why: '' }
  const { code } = failure as NodeJS.ErrnoException
  const closeCode = (failure as unknown as Record<symbol, number>)[kStatusCode]
  return { log: log.text, end: 'violation', closeCode, why: code ?? failure.message }
}

function deflateOf({ deflate, maxMessageBytes }: ReceiverOptions): PerMessageDeflate | undefined {
  if (deflate === undefined) return undefined
  const extension = new internals.PerMessageDeflate({ isServer: false, maxPayload: maxMessageBytes })
  // What accept() leaves behind.
  extension.params = {
    server_no_context_takeover: deflate.noContextTakeover,
    server_max_window_bits: deflate.windowBits,
  }
  return extension
}

function load(): Internals {
  const require = createRequire(import.meta.url)
  const lib = join(dirname(require.resolve('ws/package.json')), 'lib')
  return {
    Receiver: require(join(lib, 'receiver.js')),
    PerMessageDeflate: require(join(lib, 'permessage-deflate.js')),
    kStatusCode: require(join(lib, 'constants.js')).kStatusCode,
  }
}
