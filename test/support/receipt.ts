import { isAscii } from 'node:buffer'

/** What a receiver is held to. */
export interface ReceiverOptions {
  readonly maxFrameBytes: number
  readonly maxMessageBytes: number
  /** permessage-deflate, as far as it concerns the server's messages; undefined: not negotiated. */
  readonly deflate: { readonly noContextTakeover: boolean; readonly windowBits: number } | undefined
}

/** What a receiver made of a stream. */
export interface Receipt {
  /** A line for each message, ping, pong and CLOSE, payloads as Latin-1. */
  readonly log: string
  /** `open`: it waits for more. */
  readonly end: 'open' | 'close' | 'violation'
  /** Of a violation: what the server is to be told. */
  readonly closeCode: number | undefined
  /** Of a violation: the receiver's own code. */
  readonly why: string
}

/** Lines as `Recorder` of the native tests writes them. */
export class ReceiptLog {
  text = ''

  message(payload: Buffer, binary: boolean): void {
    this.#line(binary ? 'binary' : isAscii(payload) ? 'ascii' : 'text', payload)
  }

  ping(payload: Buffer): void {
    this.#line('ping', payload)
  }

  pong(payload: Buffer): void {
    this.#line('pong', payload)
  }

  close(code: number, reason: Buffer): void {
    this.#line(`close ${code}`, reason)
  }

  #line(word: string, payload: Buffer): void {
    this.text += `${word} ${payload.toString('latin1')}\n`
  }
}
