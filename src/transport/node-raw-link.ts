import { connect as connectTcp, type Socket, type TcpNetConnectOpts } from 'node:net'
import {
  checkServerIdentity,
  connect as connectTls,
  createSecureContext,
  type SecureContext,
  type TLSSocket,
} from 'node:tls'
import {
  type RawLink,
  RawLinkError,
  type RawLinkOpener,
  type TlsExchange,
  type WsTlsInfo,
} from '../connect/raw-link.ts'
import type { WsAddress, WsSocketOptions } from '../connect/request.ts'
import { refuseOtherFamily, refuseUnsupported } from '../connect/socket.ts'
import type { PreparedTls } from '../connect/tls.ts'

/** What Node has no call for. Its keepalive probes every second, ten times. */
export const UNSUPPORTED_BY_NODE = [
  'keepAliveIntervalMs',
  'keepAliveProbes',
  'receiveBufferBytes',
  'sendBufferBytes',
  'busyPollUs',
  'userTimeoutMs',
] as const satisfies readonly (keyof WsSocketOptions)[]

/** What `establish()` drives over Node's own sockets. */
export class NodeRawLink implements RawLink {
  // From Node 22 on, its sessions carry a context id, without which it resumes none.
  readonly tlsName = 'node'
  #socket: Socket
  /** Kept from the moment of connecting: a closed socket forgets them. */
  readonly #addresses: ReturnType<RawLink['addresses']>
  #failure: RawLinkError | undefined
  #rejectRead: ((error: RawLinkError) => void) | undefined

  static readonly open: RawLinkOpener<NodeRawLink> = (address, port, { socket: options, signal }) =>
    new Promise((resolve, reject) => {
      refuseUnsupported(options, 'ws', UNSUPPORTED_BY_NODE)
      refuseOtherFamily(options, address)
      const socket = connectTcp({ host: address.address, port, family: address.family, ...nodeOptions(options) })
      const fail = (error: RawLinkError): void => {
        signal.removeEventListener('abort', onAbort)
        socket.destroy()
        reject(error)
      }
      const onAbort = (): void => fail(new RawLinkError('ABORT_ERR', 'connecting was aborted'))
      const onError = (error: NodeJS.ErrnoException): void => fail(connectError(error))
      // Stays when the rest goes, so that an error between two owners of the socket cannot go unhandled.
      socket.on('error', onError)
      socket.once('connect', () => {
        signal.removeEventListener('abort', onAbort)
        const link = new NodeRawLink(socket, address, port)
        socket.off('error', onError)
        resolve(link)
      })
      if (signal.aborted) onAbort()
      else signal.addEventListener('abort', onAbort)
    })

  /** Use {@link NodeRawLink.open}. */
  constructor(socket: Socket, remote: WsAddress, remotePort: number) {
    this.#socket = socket
    this.#addresses = {
      localAddress: socket.localAddress ?? '',
      localPort: socket.localPort ?? 0,
      remoteAddress: remote.address,
      remotePort,
    }
    this.#guard(socket)
  }

  /** The socket that carries the bytes: TCP, or TLS over it. Whoever takes it owns it, and must handle its errors. */
  get socket(): Socket {
    return this.#socket
  }

  /** Why the link failed, if it has: a new owner of the socket missed the event. */
  get failure(): RawLinkError | undefined {
    return this.#failure
  }

  addresses(): ReturnType<RawLink['addresses']> {
    return this.#addresses
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(Buffer.from(bytes))
  }

  read(): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const socket = this.#socket
      const settle = (action: () => void): void => {
        socket.off('readable', look)
        socket.off('end', onEnd)
        this.#rejectRead = undefined
        action()
      }
      const look = (): void => {
        const chunk: Buffer | null = socket.read()
        if (chunk !== null) settle(() => resolve(chunk))
      }
      const onEnd = (): void => this.#fail(new RawLinkError('ERR_SOCKET_ENDED', 'the server closed the connection'))
      this.#rejectRead = (error) => settle(() => reject(error))
      // Paused mode ('readable' and read()): nothing leaves the socket unasked, not even behind the last read.
      socket.on('readable', look)
      socket.on('end', onEnd)
      if (this.#failure !== undefined) this.#rejectRead(this.#failure)
      else if (socket.readableEnded) onEnd()
      else look()
    })
  }

  startTls(options: PreparedTls, { session, onSession, onKeyLog }: TlsExchange): Promise<WsTlsInfo> {
    return new Promise((resolve, reject) => {
      const tcp = this.#socket
      let secure: TLSSocket
      let certificateEndsMs = session?.expiresAtMs ?? Number.POSITIVE_INFINITY
      let isForOther = false
      try {
        secure = connectTls({
          socket: tcp,
          secureContext: contextFor(options),
          servername: options.serverName ?? '',
          ALPNProtocols: ['http/1.1'],
          session: session?.handle as Buffer | undefined,
          rejectUnauthorized: options.verify,
          // Node would check `servername`, which is empty for an IP literal; the name to check is ours to say.
          checkServerIdentity(_servername, certificate) {
            // Node calls this for full handshakes only; a resumed one shows no certificate.
            certificateEndsMs = Date.parse(certificate.valid_to) || 0
            const mismatch = checkServerIdentity(options.verifyHost, certificate)
            isForOther = mismatch !== undefined
            return mismatch
          },
        })
      } catch (error) {
        reject(asRawLinkError(error as NodeJS.ErrnoException))
        return
      }
      this.#socket = secure
      this.#guard(secure)
      if (onSession !== undefined) {
        // Node does not show the lifetime of a ticket, but OpenSSL offers none that is past it.
        secure.on('session', (handle: Buffer) => {
          // A session remembers whether the chain was trusted, not whose certificate it was: the next one would pass for authorized.
          if (isForOther) return
          const singleUse = secure.getProtocol() === 'TLSv1.3'
          onSession({ handle, byteLength: handle.byteLength, expiresAtMs: certificateEndsMs, singleUse })
        })
      }
      if (onKeyLog !== undefined) secure.on('keylog', (line: Buffer) => onKeyLog(line.toString('latin1').trimEnd()))
      const settle = (action: () => void): void => {
        secure.off('secureConnect', onSecure)
        secure.off('error', onError)
        secure.off('end', onEnd)
        secure.off('close', onClose)
        action()
      }
      const fail = (error: RawLinkError): void => settle(() => reject(error))
      const onSecure = (): void =>
        settle(() =>
          resolve({
            protocol: secure.getProtocol() ?? '',
            cipher: secure.getCipher().name,
            alpn: secure.alpnProtocol || '',
            authorized: secure.authorized,
            sessionReused: secure.isSessionReused(),
          }),
        )
      const onError = (error: NodeJS.ErrnoException): void => fail(asRawLinkError(error))
      const onEnd = (): void =>
        fail(new RawLinkError('ERR_SOCKET_ENDED', 'the server closed the connection during the TLS handshake'))
      const onClose = (): void =>
        fail(this.#failure ?? new RawLinkError('ERR_SOCKET_ENDED', 'the connection was closed'))
      secure.once('secureConnect', onSecure)
      secure.on('error', onError)
      // Ahead of Node's own listener, which would call the same thing ECONNRESET.
      secure.prependListener('end', onEnd)
      secure.on('close', onClose)
    })
  }

  destroy(): void {
    this.#socket.destroy()
    this.#fail(new RawLinkError('ABORT_ERR', 'the connection was given up'))
  }

  #guard(socket: Socket): void {
    socket.on('error', (error: NodeJS.ErrnoException) => this.#fail(asRawLinkError(error)))
    socket.on('close', () => this.#fail(new RawLinkError('ERR_SOCKET_ENDED', 'the connection was closed')))
  }

  #fail(error: RawLinkError): void {
    this.#failure ??= error
    this.#rejectRead?.(this.#failure)
  }
}

function nodeOptions({ noDelay = true, keepAliveIdleMs, localAddress }: WsSocketOptions): Partial<TcpNetConnectOpts> {
  return {
    noDelay,
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(keepAliveIdleMs === undefined
      ? {}
      : { keepAlive: true, keepAliveInitialDelay: Math.ceil(keepAliveIdleMs / 1000) * 1000 }),
  }
}

function connectError(error: NodeJS.ErrnoException): RawLinkError {
  if (error.syscall !== 'bind') return asRawLinkError(error)
  const message = `socket.localAddress was refused by the kernel: ${error.message}; it must be an address of this machine`
  return new RawLinkError('ERR_SOCKET_OPTION', message)
}

const MAX_CONTEXTS = 16
const contexts = new Map<string, SecureContext>()

/** Parsing some 144 roots takes tens of ms, so contexts are shared, the least recently used dropped. */
function contextFor(options: PreparedTls): SecureContext {
  const { contextKey, ca, cert, key, passphrase, minVersion, maxVersion, ciphers } = options
  let context = contexts.get(contextKey)
  if (context === undefined) {
    context = createSecureContext({ ca: [...ca], cert, key, passphrase, minVersion, maxVersion, ciphers })
    if (contexts.size === MAX_CONTEXTS) contexts.delete(contexts.keys().next().value as string)
  }
  contexts.delete(contextKey)
  contexts.set(contextKey, context)
  return context
}

function asRawLinkError(error: NodeJS.ErrnoException & { reason?: string }): RawLinkError {
  const code = error.code ?? 'ERR_SOCKET'
  // The message of an OpenSSL error names a thread and a line of its sources; its reason is what a user can read.
  const isOpenSsl = code.startsWith('ERR_SSL_') && error.reason !== undefined
  return new RawLinkError(code, isOpenSsl ? `TLS failed: ${error.reason}` : error.message)
}
