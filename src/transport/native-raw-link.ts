import { type RawLink, RawLinkError, type TlsExchange, type WsTlsInfo } from '../connect/raw-link.ts'
import type { WsAddress, WsSocketOptions, WsTimestampSource } from '../connect/request.ts'
import { refuseOtherFamily } from '../connect/socket.ts'
import type { PreparedTls } from '../connect/tls.ts'
import type { NativeTlsSession } from '../native/addon.ts'
import { RecordKind } from '../support/records.ts'
import { endError } from './native-errors.ts'
import type { NativeLoop, NativeReceiver } from './native-loop.ts'
import { nativeTlsContext } from './native-tls.ts'

interface OpenOptions {
  readonly address: WsAddress
  readonly port: number
  readonly socket: WsSocketOptions
  readonly timestampSource: WsTimestampSource
  readonly maxLinkBytes: number
}

interface Waiting<T> {
  resolve(value: T): void
  reject(error: RawLinkError): void
}

/** A link of the addon in its raw phase. */
export class NativeRawLink implements RawLink, NativeReceiver {
  readonly tlsName = 'native'
  readonly #loop: NativeLoop
  /** The addon's name for it. {@link NativeLink} takes it over. */
  readonly id: number
  #connecting: Waiting<void> | undefined
  #securing: Waiting<WsTlsInfo> | undefined
  #reading: Waiting<Uint8Array> | undefined
  #exchange: TlsExchange | undefined
  #ended: RawLinkError | undefined

  private constructor(loop: NativeLoop, id: number) {
    this.#loop = loop
    this.id = id
    loop.add(id, this)
  }

  /** Resolves when TCP is connected. `signal` gives the socket up. */
  static async open(loop: NativeLoop, options: OpenOptions, signal: AbortSignal): Promise<NativeRawLink> {
    if (signal.aborted) throw givenUp()
    refuseOtherFamily(options.socket, options.address)
    const link = new NativeRawLink(loop, openId(loop, options))
    const onAbort = (): void => link.destroy()
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      await new Promise<void>((resolve, reject) => {
        link.#connecting = { resolve, reject }
      })
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
    return link
  }

  write(bytes: Uint8Array): void {
    this.#loop.addon.writeRaw(this.id, bytes)
  }

  read(): Promise<Uint8Array> {
    return this.#wait((waiting) => {
      this.#reading = waiting
      this.#loop.addon.readMore(this.id)
    })
  }

  startTls(tls: PreparedTls, exchange: TlsExchange): Promise<WsTlsInfo> {
    return this.#wait((waiting) => {
      const context = nativeTlsContext(this.#loop.addon, tls)
      this.#securing = waiting
      this.#exchange = exchange
      const { session, onSession } = exchange
      const { serverName, verifyHost } = tls
      this.#loop.addon.startTls(this.id, context, {
        serverName,
        verifyHost,
        session: session?.handle as NativeTlsSession['handle'] | undefined,
        keepSessions: onSession !== undefined,
      })
    })
  }

  addresses(): ReturnType<RawLink['addresses']> {
    const none = { localAddress: '', localPort: 0, remoteAddress: '', remotePort: 0 }
    return this.#loop.addon.addresses(this.id) ?? none
  }

  destroy(): void {
    if (this.#ended !== undefined) return
    this.#loop.addon.destroy(this.id, false)
    this.#end(givenUp())
  }

  takeMessages(): void {
    // The addon delivers none before the WebSocket phase.
  }

  takeRecord(index: number): void {
    const loop = this.#loop
    switch (loop.kind(index)) {
      case RecordKind.connected:
        this.#connecting?.resolve()
        this.#connecting = undefined
        return
      case RecordKind.secure:
        this.#securing?.resolve(loop.addon.tlsInfo(this.id) as WsTlsInfo)
        this.#securing = undefined
        return
      case RecordKind.raw: {
        const reading = this.#reading
        this.#reading = undefined
        reading?.resolve(loop.copyPayload(index))
        return
      }
      case RecordKind.sessions:
      case RecordKind.keyLog:
        this.takeTls(index)
        return
      case RecordKind.end: {
        const closed = new RawLinkError('ERR_SOCKET_ENDED', 'the server closed the connection')
        this.#end(endError(loop.opcode(index), loop.aux(index), loop.textOf(index)) ?? closed)
        return
      }
    }
  }

  /** A record of TLS beside the stream: they come as long as the link lives. */
  takeTls(index: number): void {
    const loop = this.#loop
    const { onSession, onKeyLog } = this.#exchange as TlsExchange
    if (loop.kind(index) === RecordKind.keyLog) {
      for (const line of loop.textOf(index).trimEnd().split('\n')) onKeyLog?.(line)
    } else {
      for (const session of loop.addon.takeSessions(this.id)) onSession?.(session)
    }
  }

  #wait<T>(begin: (waiting: Waiting<T>) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) throw this.#ended
      begin({ resolve, reject })
    })
  }

  #end(error: RawLinkError): void {
    this.#ended = error
    this.#loop.remove(this.id)
    for (const waiting of [this.#connecting, this.#securing, this.#reading]) waiting?.reject(error)
    this.#connecting = this.#securing = this.#reading = undefined
  }
}

function openId(loop: NativeLoop, options: OpenOptions): number {
  try {
    return loop.addon.open({ ...options, address: options.address.address })
  } catch (error) {
    throw new RawLinkError((error as { code?: string }).code ?? 'ERR_SOCKET', (error as Error).message)
  }
}

function givenUp(): RawLinkError {
  return new RawLinkError('ABORT_ERR', 'the connection was given up')
}
