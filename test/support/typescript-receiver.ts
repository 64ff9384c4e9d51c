import { MessageDecoder } from '../../src/transport/message-decoder.ts'
import { MessageInflater } from '../../src/transport/message-deflate.ts'
import { type Receipt, ReceiptLog, type ReceiverOptions } from './receipt.ts'

/** The decoder of the transport in memory. */
export function typescriptReceive(chunks: readonly Uint8Array[], options: ReceiverOptions): Receipt {
  const log = new ReceiptLog()
  let closed = false
  const decoder = new MessageDecoder(options, {
    onMessage: (payload, binary) => log.message(payload, binary),
    onPing: (payload) => log.ping(payload),
    onPong: (payload) => log.pong(payload),
    onClose: (code, reason) => {
      closed = true
      log.close(code, Buffer.from(reason))
    },
  })
  if (options.deflate !== undefined) {
    const { noContextTakeover, windowBits: maxWindowBits } = options.deflate
    decoder.inflateWith(new MessageInflater({ noContextTakeover, maxWindowBits }, options.maxMessageBytes))
  }
  for (const chunk of chunks) decoder.feed(chunk)
  const { violation } = decoder
  if (violation === undefined) return { log: log.text, end: closed ? 'close' : 'open', closeCode: undefined, why: '' }
  return { log: log.text, end: 'violation', closeCode: violation.closeCode, why: violation.code }
}
