/**
 * What a WebSocket server is to the embedded exchange and to `MockServer`: the least that two quite different servers
 * can both do, and the ways of ending that only a test wants.
 */

/** How TCP ends when it ends without a close handshake: a reset, or an orderly FIN. */
export type DropKind = 'rst' | 'fin'

export interface UpgradeRequest {
  /** Path and query. */
  readonly path: string
  /** Names in lower case; of repeated headers the values are joined with ', '. */
  readonly headers: Readonly<Record<string, string>>
}

/** An HTTP answer instead of the upgrade. */
export interface Refusal {
  /** 400–599. */
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** The server's end of an open connection. Every method is safe, and does nothing, once it has ended. */
export interface ServerSocket {
  readonly request: UpgradeRequest
  /** Written to, but not taken by the kernel. */
  readonly bufferedBytes: number
  /** Strings as text, bytes as binary. */
  send(payload: string | Uint8Array): void
  /** Sends the first `byteCount` bytes of the text's frame, header included, then drops TCP. */
  sendCut(text: string, byteCount: number, how: DropKind): void
  ping(): void
  /** Close handshake; the client has 1 s to answer, then TCP is dropped. */
  close(code: number, reason: string): void
  drop(how: DropKind): void
  /** Stops reading: the client's bytes wait in the kernel, pings go unanswered. */
  holdReading(): void
  releaseReading(): void
  /** Stops sending: what is sent, pongs included, is buffered. */
  holdSending(): void
  releaseSending(): void
}

export interface ServerSocketEvents {
  /** `data` is the receiver's to keep. */
  onMessage(data: Buffer, isText: boolean): void
  /** Last. Code 1005 for a CLOSE without one, 1006 for no CLOSE. */
  onClose(end: SocketEnd): void
}

export interface SocketEnd {
  readonly code: number
  readonly reason: string
  /** A frame that had begun to arrive and never will. */
  readonly cut: CutFrame | undefined
}

export interface CutFrame {
  /** Bytes of it that arrived, header included. */
  readonly byteLength: number
  /** The beginning of its payload, unmasked. */
  readonly payload: Buffer
}

export interface ListenerHandler {
  /** Before the upgrade: undefined accepts. */
  onUpgrade(request: UpgradeRequest): Refusal | undefined
  onSocket(socket: ServerSocket): ServerSocketEvents
}

export interface Listener {
  /** `ws://host:port` */
  readonly url: string
  readonly port: number
  /** Stops listening, drops what is still connected, and resolves when nothing is open. Idempotent. */
  stop(): Promise<void>
}

export interface ListenOptions {
  readonly host: string
  /** 0: a free one. */
  readonly port: number
  readonly maxMessageBytes: number
  /** Takes a client's offer of permessage-deflate (RFC 7692), and then compresses every message. */
  readonly perMessageDeflate: boolean
}

export function listenerUrl(host: string, port: number): string {
  return `ws://${host.includes(':') ? `[${host}]` : host}:${port}`
}
