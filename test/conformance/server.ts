import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { type ClientFrame, ClientFrameParser } from '../support/raw-frames.ts'
import type { ServerInflate } from './deflate.ts'

/** The server's end of one connection, in the hands of a run. It answers nothing by itself. */
export class ServerEnd {
  readonly socket: Socket
  /** Lower-case names; of one that came twice, the last. */
  readonly requestHeaders: ReadonlyMap<string, string>
  /** Every complete frame of the client, in order. */
  readonly frames: ClientFrame[] = []
  /** The client broke a rule of RFC 6455. */
  defect: string | undefined
  /** How the client ended its side. */
  ended: 'FIN' | 'RST' | undefined

  readonly #parser = new ClientFrameParser()
  #inflate: ServerInflate | undefined

  constructor(socket: Socket, requestHead: string) {
    this.socket = socket
    this.requestHeaders = new Map(
      requestHead
        .split('\r\n')
        .slice(1)
        .map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    )
    socket.on('data', (bytes: Buffer) => this.receive(bytes))
    socket.on('end', () => {
      this.ended ??= 'FIN'
    })
    socket.on('error', () => {
      this.ended ??= 'RST'
    })
  }

  receive(bytes: Uint8Array): void {
    try {
      for (const frame of this.#parser.push(bytes)) {
        if (this.frames.at(-1)?.opcode === 8) this.defect ??= 'the client sent a frame behind its CLOSE'
        const { compressed, payload } = frame
        this.frames.push(compressed ? { ...frame, payload: (this.#inflate as ServerInflate).next(payload) } : frame)
      }
    } catch (error) {
      this.defect ??= (error as Error).message
    }
  }

  /** permessage-deflate was agreed upon: what comes compressed is inflated. */
  admitCompressed(inflate: ServerInflate): void {
    this.#inflate = inflate
    this.#parser.admitsCompressed = true
  }

  get unfinishedBytes(): number {
    return this.#parser.pendingBytes
  }
}

/** One TCP server on 127.0.0.1 for all runs; the path of a request says which run it belongs to. */
export class ConformanceServer {
  readonly #server: Server
  readonly #waiting = new Map<string, (end: ServerEnd) => void>()
  #runs = 0

  static async listen(): Promise<ConformanceServer> {
    const self = new ConformanceServer()
    await new Promise<void>((resolve, reject) => {
      self.#server.once('error', reject)
      self.#server.listen(0, '127.0.0.1', 1024, resolve)
    })
    return self
  }

  /** Use {@link ConformanceServer.listen}. */
  constructor() {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket))
  }

  /** A URL of which `onRequest` gets the one connection when its request head has come. */
  reserve(onRequest: (end: ServerEnd) => void): URL {
    const path = `/run-${++this.#runs}`
    this.#waiting.set(path, onRequest)
    return new URL(`ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}${path}`)
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  #accept(socket: Socket): void {
    let head = ''
    const onError = (): void => {}
    const onData = (bytes: Buffer): void => {
      head += bytes.toString('latin1')
      const end = head.indexOf('\r\n\r\n')
      if (end === -1) return
      socket.off('data', onData)
      const serverEnd = new ServerEnd(socket, head.slice(0, end))
      const early = Buffer.from(head.slice(end + 4), 'latin1')
      if (early.length > 0) serverEnd.defect = 'the client sent frames before the server switched protocols'
      const path = head.split(' ', 2)[1] as string
      this.#waiting.get(path)?.(serverEnd)
      this.#waiting.delete(path)
    }
    socket.on('error', onError)
    socket.on('data', onData)
  }
}
