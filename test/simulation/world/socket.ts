import type { SenderKernel } from '../../../src/transport/frame-sender.ts'
import type { ClientLoop, Pollable } from './loop.ts'
import type { WorldTime } from './time.ts'

/** How bytes travel between the two ends of one connection. May be changed while it is open. */
export interface Path {
  /** One way, ms; drawn per piece. Nothing overtakes. */
  readonly latencyMs: () => number
  /** Bytes that both kernels hold of what the client sends before its `send` takes no more. */
  readonly sendBuffer: number
  /** The same for what the client does not read. */
  readonly receiveBuffer: number
  /** At most so many bytes per piece towards the client, `everyMs` apart; undefined for none. */
  drip: { readonly bytes: number; readonly everyMs: number } | undefined
  /** Nothing arrives any more, in either direction, and nobody is told. */
  blackhole: boolean
}

/** What the far end of a connection does with it. */
export interface FarEnd {
  onBytes(bytes: Uint8Array): void
  /** The client, or the network, has ended it. */
  onEnd(how: 'fin' | 'reset'): void
}

type End = 'fin' | 'reset'

/**
 * One TCP connection. The client's end is a kernel's: bytes that it took, bytes that it has and that nobody has read, an
 * end that shows behind them. The far end is the server's program.
 */
export class Tcp implements Pollable, SenderKernel {
  readonly id: number
  readonly path: Path
  readonly #time: WorldTime
  readonly #loop: ClientLoop
  #far: FarEnd | undefined
  /** What the owner of the client's end does when it can read, write, or has ended. */
  onReady: () => void = () => {}

  // Towards the server.
  /** Taken from the client and not read by the server. */
  #outstanding = 0
  #clientLastArrivalUs = 0
  #heldByServer: Uint8Array[] = []
  #serverReads = true
  #wantsWritable = false
  /** Of what the client sends, only so many more bytes arrive; then the connection is lost. */
  #cutAfter = Infinity
  /** How the cut shows at both ends. */
  #cutHow: End = 'reset'

  // Towards the client.
  #serverQueue: Uint8Array[] = []
  #serverQueueBytes = 0
  #serverEnd: End | undefined
  #inFlight = 0
  #lastArrivalUs = 0
  #arrived: { readonly bytes: Uint8Array; readonly atUs: number }[] = []
  #arrivedEnd: End | undefined
  #dripUntilUs = 0
  #serverSends = true

  /** Cumulative, of the stream towards the client: written by the server, arrived at the client's kernel, read. */
  writtenBytes = 0
  arrivedBytes = 0
  readBytes = 0
  /** When the newest byte that has been read came. */
  readUntilUs = 0
  readonly #arrivals: { readonly upTo: number; readonly atUs: number }[] = []
  /** Cumulative: bytes that the client's kernel took. */
  takenBytes = 0
  /** World time at which the client's kernel was last asked for room and had none. */
  fullUs = 0
  destroyed = false
  #over = false

  constructor(id: number, path: Path, time: WorldTime, loop: ClientLoop) {
    this.id = id
    this.path = path
    this.#time = time
    this.#loop = loop
  }

  attach(far: FarEnd): void {
    this.#far = far
  }

  // — the client's end —

  /** Bytes that the kernel takes now; {@link onReady} tells when there is room again. */
  room(): number {
    // As `send` after a reset: an error, which the next read finds as well.
    if (this.destroyed || this.#arrivedEnd === 'reset') return 0
    const room = Math.max(0, this.path.sendBuffer - this.#outstanding)
    if (room === 0) {
      this.#wantsWritable = true
      this.fullUs = this.#time.nowUs
    }
    return room
  }

  take(bytes: Uint8Array): void {
    this.#send(bytes.slice())
  }

  /** Everything that has arrived; undefined when nothing has. */
  read(maxBytes = Infinity): Uint8Array | undefined {
    const pieces: Uint8Array[] = []
    let length = 0
    while (this.#arrived.length > 0 && length < maxBytes) {
      const { bytes, atUs } = this.#arrived.shift() as { bytes: Uint8Array; atUs: number }
      const part = bytes.subarray(0, maxBytes - length)
      if (part.length < bytes.length) this.#arrived.unshift({ bytes: bytes.subarray(part.length), atUs })
      pieces.push(part)
      this.readUntilUs = atUs
      length += part.length
    }
    if (length === 0) return undefined
    this.readBytes += length
    this.#pump()
    return Buffer.concat(pieces)
  }

  /** How it has ended, once everything before that has been read. */
  get ended(): End | undefined {
    return this.#arrived.length === 0 ? this.#arrivedEnd : undefined
  }

  get unread(): boolean {
    return this.#arrived.length > 0 || this.#arrivedEnd !== undefined
  }

  /** When the oldest byte that nobody has read came; Infinity without one. */
  get unreadSinceUs(): number {
    return this.#arrived[0]?.atUs ?? Infinity
  }

  /** Whether the newest byte of a piece came then. */
  cameAt(us: number): boolean {
    return this.#arrivals.some(({ atUs }) => Math.abs(atUs - us) < 0.01)
  }

  /** When byte `upTo` of the stream (counted from 1) came; Infinity when it has not. */
  arrivedAtUs(upTo: number): number {
    if (upTo > this.arrivedBytes) return Infinity
    for (let i = this.#arrivals.length - 1; i >= 0; i--) {
      const before = i === 0 ? 0 : (this.#arrivals[i - 1] as { upTo: number }).upTo
      if (before < upTo) return (this.#arrivals[i] as { atUs: number }).atUs
    }
    return Infinity
  }

  /** Of the reading side; `how` it ends for the server. */
  destroy(how: End = 'fin'): void {
    if (this.destroyed) return
    this.destroyed = true
    this.#loop.forget(this)
    this.#arrived = []
    if (this.path.blackhole || this.#over) return
    this.#time.at(Math.max(this.#clientLastArrivalUs, this.#time.nowUs + this.path.latencyMs() * 1000), () =>
      this.#endFar(how),
    )
  }

  /** Something may be read or written: the loop is to look. */
  rearm(): void {
    if (!this.destroyed && this.unread) this.#loop.ready(this)
  }

  #send(bytes: Uint8Array): void {
    this.takenBytes += bytes.length
    this.#outstanding += bytes.length
    if (this.path.blackhole || this.#over) return
    const atUs = Math.max(this.#clientLastArrivalUs, this.#time.nowUs + this.path.latencyMs() * 1000)
    this.#clientLastArrivalUs = atUs
    this.#time.at(atUs, () => this.#atServer(bytes))
  }

  // — the server's end —

  write(bytes: Uint8Array): void {
    if (this.#serverEnd !== undefined || this.#over) return
    this.writtenBytes += bytes.length
    this.#serverQueue.push(bytes)
    this.#serverQueueBytes += bytes.length
    this.#pump()
  }

  /** Written by the server and not yet underway. */
  get serverBufferedBytes(): number {
    return this.#serverQueueBytes
  }

  /** FIN behind what was written, or RST, with which that is lost. */
  end(how: End): void {
    if (this.#serverEnd !== undefined || this.#over) return
    this.#serverEnd = how
    if (how === 'reset') {
      this.#serverQueue = []
      this.#serverQueueBytes = 0
    }
    this.#pump()
  }

  hold(what: 'reading' | 'sending', held: boolean): void {
    if (what === 'sending') {
      this.#serverSends = !held
      this.#pump()
      return
    }
    this.#serverReads = !held
    if (held) return
    for (const bytes of this.#heldByServer.splice(0)) this.#toServer(bytes)
  }

  // — what happens to it —

  /** After `bytes` more of what the client sends have arrived, be it in the middle of a frame. */
  cutAfterClientBytes(bytes: number, how: End): void {
    this.#cutAfter = bytes
    this.#cutHow = how
    if (bytes === 0) this.#lost()
  }

  /** Only `bytes` more reach the client, and then the end of the connection. */
  cutAfterServerBytes(bytes: number, how: End): void {
    let left = bytes
    this.#serverQueue = this.#serverQueue.flatMap((piece) => {
      const part = piece.subarray(0, left)
      left -= part.length
      return part.length === 0 ? [] : [part]
    })
    this.#serverQueueBytes = bytes - left
    this.#serverEnd ??= how
    this.#pump()
    this.#endFar('reset')
  }

  /** The network has lost it, without telling anybody; the server finds out much later. */
  vanish(serverNoticesAfterMs: number): void {
    this.path.blackhole = true
    this.#time.at(this.#time.nowUs + serverNoticesAfterMs * 1000, () => this.#endFar('reset'))
  }

  get isOver(): boolean {
    return this.#over
  }

  #atServer(bytes: Uint8Array): void {
    if (this.path.blackhole || this.#over) return
    if (!this.#serverReads) {
      this.#heldByServer.push(bytes)
      return
    }
    this.#toServer(bytes)
  }

  #toServer(bytes: Uint8Array): void {
    const part = bytes.subarray(0, this.#cutAfter)
    this.#cutAfter -= part.length
    this.#outstanding -= part.length
    if (part.length > 0) this.#far?.onBytes(part)
    if (this.#cutAfter === 0) this.#lost()
    else if (this.#wantsWritable && this.#outstanding < this.path.sendBuffer) {
      this.#wantsWritable = false
      if (!this.destroyed) this.#loop.ready(this)
    }
  }

  #lost(): void {
    this.#serverEnd ??= this.#cutHow
    this.#serverQueue = []
    this.#serverQueueBytes = 0
    this.#pump()
    this.#endFar('reset')
  }

  #endFar(how: End): void {
    if (this.#over) return
    this.#over = true
    this.#far?.onEnd(how)
  }

  /** Puts on the way to the client what its kernel has room for. */
  #pump(): void {
    if (this.path.blackhole || this.destroyed || !this.#serverSends) return
    for (;;) {
      const unread = this.arrivedBytes - this.readBytes + this.#inFlight
      const room = this.path.receiveBuffer - unread
      const piece = this.#serverQueue[0]
      if (piece === undefined || room <= 0) break
      const { drip } = this.path
      const part = piece.subarray(0, Math.min(room, drip?.bytes ?? Infinity))
      if (part.length === piece.length) this.#serverQueue.shift()
      else this.#serverQueue[0] = piece.subarray(part.length)
      this.#serverQueueBytes -= part.length
      this.#inFlight += part.length
      const earliest = this.#time.nowUs + this.path.latencyMs() * 1000
      this.#dripUntilUs = drip === undefined ? 0 : Math.max(this.#dripUntilUs, earliest) + drip.everyMs * 1000
      this.#lastArrivalUs = Math.max(this.#lastArrivalUs, earliest, this.#dripUntilUs)
      this.#time.at(this.#lastArrivalUs, () => this.#atClient(part))
    }
    const end = this.#serverEnd
    if (end === undefined || this.#serverQueue.length > 0 || this.#arrivedEnd !== undefined) return
    this.#lastArrivalUs = Math.max(this.#lastArrivalUs, this.#time.nowUs + this.path.latencyMs() * 1000)
    this.#time.at(this.#lastArrivalUs, () => this.#endAtClient(end))
  }

  #atClient(bytes: Uint8Array): void {
    if (this.path.blackhole || this.destroyed) return
    this.#inFlight -= bytes.length
    this.arrivedBytes += bytes.length
    this.#arrivals.push({ upTo: this.arrivedBytes, atUs: this.#time.nowUs })
    if (this.#arrivals.length > 512) this.#forgetRead()
    this.#arrived.push({ bytes, atUs: this.#time.nowUs })
    this.#loop.ready(this)
  }

  /** What lies unread may be asked about for as long as it does, and for a while after that. */
  #forgetRead(): void {
    const unread = this.#arrivals.findIndex(({ upTo }) => upTo > this.readBytes)
    if (unread > 256) this.#arrivals.splice(0, unread - 256)
  }

  #endAtClient(how: End): void {
    if (this.path.blackhole || this.destroyed || this.#arrivedEnd !== undefined) return
    this.#arrivedEnd = how
    this.#loop.ready(this)
  }
}
